"""How much came, and what became of it: the figures of the overview.

All are counted in ranges of an index, or in the newest rows: none needs a look at every row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, Max, Min, Q, QuerySet, Value
from django.db.models.functions import Substr
from django.utils import timezone

from .choices import UNFINISHED, DeliveryStatus, RequestState
from .models import (
    DeliveryReport,
    Event,
    GroupMemberEvent,
    Message,
    NewSubscriber,
    ReceiverFailure,
    WebhookRequest,
)

#: Newest rows that are looked at where no index can answer.
SAMPLE = 1000

#: Newest failed reports whose error messages are counted, and characters of each that count.
ERROR_SAMPLE, ERROR_LENGTH = 10_000, 200

#: Rows of a table of the most frequent, or the latest.
TOP = 10


@dataclass(frozen=True)
class Traffic:
    """What came of one kind: when the last event did, and how many on each day, oldest first."""

    last_at: datetime | None
    per_day: tuple[int, ...]

    def latest(self, days: int) -> int:
        """Return how many came in the last ``days`` days, of which today is one."""
        return sum(self.per_day[-days:])


@dataclass(frozen=True)
class Funnel:
    """What became of the messages that were first reported in a period, each counted once.

    ``delivered`` are those with a receipt, ``read`` a part of them; ``failed`` those without one
    of which a failure or a refund was reported, ``refunded`` all that were refunded.
    """

    submitted: int
    delivered: int
    read: int
    failed: int
    refunded: int

    def rate(self, count: int) -> float:
        """Return which part of all messages ``count`` is, from 0 to 1."""
        return count / self.submitted if self.submitted else 0.0


@dataclass(frozen=True)
class Group:
    """A group something happened in lately; ``event`` is the id of the last event of it."""

    event: int
    group_id: str
    subject: str
    last_at: datetime


def latest_days(count: int) -> list[date]:
    """Return the last ``count`` days in the current time zone, oldest first, today among them."""
    now = timezone.now()
    today = (timezone.localtime(now) if settings.USE_TZ else now).date()
    return [today - timedelta(days=ago) for ago in reversed(range(count))]


def midnight(day: date) -> datetime:
    """Return when a day begins in the current time zone."""
    start = datetime.combine(day, time.min)
    return timezone.make_aware(start) if settings.USE_TZ else start


def traffic(model: type[Event], days: Sequence[date]) -> Traffic:
    """Return what came of one kind of events in these days, which follow each other."""
    rows: QuerySet[Any] = model._default_manager.all()
    # The last of them has no end: a clock that runs ahead hides nothing.
    ends = [*map(midnight, days[1:]), None]
    ranges = [
        Q(received_at__gte=midnight(day)) & (Q(received_at__lt=end) if end else Q())
        for day, end in zip(days, ends, strict=True)
    ]
    last_at = rows.order_by("-received_at").values_list("received_at", flat=True).first()
    return Traffic(last_at, tuple(_counts([rows.filter(each) for each in ranges])))


def funnel(since: date) -> Funnel:
    """Return what became of the messages that were first reported since a day."""
    facts = {
        "submitted": Q(),
        "delivered": Q(delivered=True),
        "read": Q(status=DeliveryStatus.READ),
        "failed": Q(Q(failed_seen=True) | Q(refunded=True), delivered=False),
        "refunded": Q(refunded=True),
    }
    # Counted by a column that is in the index; an aggregate may not be called as a field is.
    counts = {f"{name}_count": Count("status", filter=fact) for name, fact in facts.items()}
    found = Message.objects.filter(first_reported_at__gte=midnight(since)).aggregate(**counts)
    return Funnel(**{name: found[f"{name}_count"] for name in facts})


def errors(since: date) -> list[tuple[str, str, int]]:
    """Return the most frequent errors since a day: code, beginning of the message, how often.

    Of up to ``ERROR_SAMPLE`` failed reports, the newest ones.
    """
    failed = DeliveryReport.objects.filter(
        status=DeliveryStatus.FAILED, received_at__gte=midnight(since)
    )
    text = Substr("error_message", 1, ERROR_LENGTH)
    said = failed.order_by("-received_at").values_list("error_code", text)[:ERROR_SAMPLE]
    return [(code, text, count) for (code, text), count in Counter(said).most_common(TOP)]


def states() -> dict[str, int]:
    """Return how many requests are in each state but the finished ones."""
    wanted = (*UNFINISHED, RequestState.QUARANTINED, RequestState.DEAD)
    requests = WebhookRequest.objects.order_by()
    counts = _counts([requests.filter(state=state) for state in wanted])
    return dict(zip(wanted, counts, strict=True))


def waiting_since() -> datetime | None:
    """Return when the oldest request came that a worker still has to do something about."""
    # Those that are due first: a backlog of millions is not read to find out which came first.
    oldest: list[datetime] = []
    for state in UNFINISHED:
        due = WebhookRequest.objects.filter(state=state).order_by("due_at")[:SAMPLE]
        found = due.aggregate(first=Min("received_at"))["first"]
        oldest += [found] if found else []
    return min(oldest, default=None)


def conflicts() -> int:
    """Return how many messages were both received and failed or refunded."""
    return Message.objects.in_conflict().count()


def failing_receivers() -> list[dict[str, Any]]:
    """Return the receivers with most failures: ``receiver``, ``count`` and ``last_at`` of each."""
    failures = ReceiverFailure.objects.order_by().values("receiver")
    counted = failures.annotate(count=Count("*"), last_at=Max("failed_at"))
    return [dict(each) for each in counted.order_by("-count", "receiver")[:TOP]]


def channels(since: date) -> list[tuple[str, int]]:
    """Return how many subscribers came since a day by each channel that is in use."""
    subscribers = NewSubscriber.objects.filter(received_at__gte=midnight(since)).order_by()
    known = channels_in_use()
    counts = _counts([subscribers.filter(channel=channel) for channel in known])
    found = sorted(zip(known, counts, strict=True), key=lambda pair: (-pair[1], pair[0]))
    return [(channel, count) for channel, count in found if count]


def channels_in_use() -> list[str]:
    """Return the channels of the newest subscribers: their ids are each project's own."""
    newest = NewSubscriber.objects.order_by("-pk").values_list("channel", flat=True)[:SAMPLE]
    return sorted(set(newest))


def active_groups() -> list[Group]:
    """Return the groups in which something happened last, of the newest events."""
    names = ("pk", "project_id", "group_id", "group_subject", "received_at")
    found: dict[tuple[str, str], Group] = {}
    for pk, project_id, group_id, subject, at in GroupMemberEvent.objects.order_by(
        "-pk"
    ).values_list(*names)[:SAMPLE]:
        found.setdefault((project_id, group_id), Group(pk, group_id, subject, at))
    return list(found.values())[:TOP]


def _counts(querysets: Iterable[QuerySet[Any]]) -> list[int]:
    """Count the rows of each of these, in one statement."""
    arms = [
        rows.order_by().annotate(place=Value(place)).values("place").annotate(count=Count("*"))
        for place, rows in enumerate(querysets)
    ]
    if not arms:
        return []
    together = arms[0].union(*arms[1:], all=True).values_list("place", "count")
    found = dict(together)
    return [found.get(place, 0) for place in range(len(arms))]
