"""The delivery rates of a period by country and by channel, against the period before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import chain
from typing import Any

from django.db.models import F, Value

from ..choices import DeliveryStatus
from ..models import Message
from ..models.together import tallies_of
from .errors import failed
from .overview import SAMPLE, TOP, midnight

#: Newest messages of each of the two periods that are counted.
DELIVERY_SAMPLE = 10_000

#: All are in one index.
_COLUMNS = ("country", "channel", "status", "delivered", "failed_seen", "refunded")

#: How many messages have these values, and the highest id of them.
Tally = dict[tuple[Any, ...], tuple[int, int]]


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
    newest: Any = Message.objects.order_by("-first_reported_at", "-pk")
    periods = [
        newest.filter(first_reported_at__gte=start),
        newest.filter(first_reported_at__gte=earlier, first_reported_at__lt=start),
    ]
    now, before = tallies_of([rows[:DELIVERY_SAMPLE] for rows in periods], *_COLUMNS)
    totals = [sum(count for count, _newest in tally.values()) for tally in (now, before)]
    is_cut = max(totals) == DELIVERY_SAMPLE
    return Deliveries(_rates(now, before, 0), _rates(now, before, 1), is_cut)


def _rates(now: Tally, before: Tally, column: int) -> list[Delivery]:
    """Return the rates by the values of a column, those with most messages first."""
    earlier = _results(before, column)
    rows = []
    for name, results in _results(now, column).items():
        rate = results["delivered"] / results["submitted"]
        change = None
        if name in earlier:
            change = rate - earlier[name]["delivered"] / earlier[name]["submitted"]
        rows.append(Delivery(name, results["submitted"], results["failed"], rate, change))
    return sorted(rows, key=lambda row: (-row.submitted, row.name))[:TOP]


def _results(tally: Tally, column: int) -> dict[str, Counter[str]]:
    """Return the number of messages for each value of a column, by their results."""
    results: dict[str, Counter[str]] = {}
    for row, (count, _newest) in tally.items():
        _country, _channel, status, delivered, failed_seen, refunded = row
        if status != DeliveryStatus.ACCEPTED:
            of_value = results.setdefault(row[column], Counter())
            of_value["submitted"] += count
            if delivered:
                of_value["delivered"] += count
            elif failed_seen or refunded:
                of_value["failed"] += count
    return results


def in_use() -> dict[str, set[str]]:
    """Return the countries, channels and error codes of the newest messages, in one statement."""
    newest: Any = Message.objects.order_by("-first_reported_at", "-pk")
    named = newest.annotate(one=F("country"), other=F("channel"))[:DELIVERY_SAMPLE]
    codes = [
        rows.annotate(one=F("error_code"), other=Value(""))[:SAMPLE]
        for rows in failed(Message.objects.all())
    ]
    of_newest, *of_failed = tallies_of([named, *codes], "one", "other")
    return {
        "country": {country for country, _channel in of_newest},
        "channel": {channel for _country, channel in of_newest},
        "error_code": {code for code, _ in chain.from_iterable(of_failed)},
    }
