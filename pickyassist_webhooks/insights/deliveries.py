"""The delivery rates of a period by country and by channel, against the period before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Count, Q, Subquery, Value
from django.db.models.functions import Coalesce

from ..choices import DeliveryStatus
from ..models import Message
from ..models.together import rows_of
from .overview import FAILED_ONLY, SAMPLE, TOP, midnight

#: Newest messages of each of the two periods that are counted.
DELIVERY_SAMPLE = 20_000

#: Country and channel, then the number of messages: submitted, delivered, failed and all.
Counts = tuple[Any, ...]


@dataclass(frozen=True)
class Delivery:
    """The messages to one country, or by one channel.

    ``rate`` is the part that was delivered, from 0 to 1; ``change`` is the rate minus that of the
    period before, or ``None`` if that had no messages.
    """

    name: str
    submitted: int
    failed: int
    rate: float
    change: float | None


@dataclass(frozen=True)
class Deliveries:
    """The countries and the channels with most messages; ``is_cut`` if not all were counted."""

    countries: list[Delivery]
    channels: list[Delivery]
    is_cut: bool


def deliveries(days: Sequence[date]) -> Deliveries:
    """Return the rates of the messages that were first reported in these consecutive days."""
    start = midnight(days[0])
    earlier = midnight(days[0] - timedelta(days=len(days)))
    messages = Message.objects.all()
    now, before = rows_of(
        [
            _counted(messages.filter(first_reported_at__gte=start), start),
            _counted(
                messages.filter(first_reported_at__gte=earlier, first_reported_at__lt=start),
                earlier,
            ),
        ]
    )
    is_cut = any(sum(row[5] for row in period) > DELIVERY_SAMPLE for period in (now, before))
    return Deliveries(_rates(now, before, 0), _rates(now, before, 1), is_cut)


def _counted(messages: Any, start: datetime) -> Any:
    """Count the newest messages since ``start`` by country and channel.

    Messages of one batch came at the same time, so all of them are counted or none.
    """
    times = messages.order_by("-first_reported_at", "-pk").values("first_reported_at")
    oldest = Coalesce(Subquery(times[DELIVERY_SAMPLE : DELIVERY_SAMPLE + 1]), Value(start))
    return (
        messages.filter(first_reported_at__gte=oldest)
        .order_by()
        .values("country", "channel")
        .annotate(
            # Counted by a column that is in the index.
            submitted_count=Count("status", filter=~Q(status=DeliveryStatus.ACCEPTED)),
            delivered_count=Count("status", filter=Q(delivered=True)),
            failed_count=Count("status", filter=FAILED_ONLY),
            every_count=Count("status"),
        )
        .values_list(
            *("country", "channel", "submitted_count", "delivered_count", "failed_count"),
            "every_count",
        )
    )


def _rates(now: list[Counts], before: list[Counts], column: int) -> list[Delivery]:
    """Return the rates by the values of a column, those with most messages first."""
    submitted, delivered = _sums(now, column, 2), _sums(now, column, 3)
    failed = _sums(now, column, 4)
    submitted_before, delivered_before = _sums(before, column, 2), _sums(before, column, 3)
    rows = []
    for name, count in submitted.items():
        rate = delivered[name] / count
        earlier = submitted_before[name]
        change = rate - delivered_before[name] / earlier if earlier else None
        rows.append(Delivery(name, count, failed[name], rate, change))
    return sorted(rows, key=lambda row: (-row.submitted, row.name))[:TOP]


def _sums(counted: Iterable[Counts], column: int, of: int) -> Counter[str]:
    sums: Counter[str] = Counter()
    for row in counted:
        sums[str(row[column])] += int(row[of])
    return +sums


def in_use() -> dict[str, set[str]]:
    """Return the countries and the channels of the newest messages."""
    newest = Message.objects.order_by("-first_reported_at", "-pk")
    rows = list(newest.values_list("country", "channel")[:SAMPLE])
    return {"country": {row[0] for row in rows}, "channel": {row[1] for row in rows}}
