"""The statistics of the overview: how many events came, and with which result.

All are counted in ranges of an index, or in the newest rows: none reads every row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, Max, Q, Value
from django.utils import timezone

from ..choices import UNFINISHED, DeliveryStatus, Direction, RequestState
from ..models import (
    ChatMessage,
    Event,
    GroupMemberEvent,
    Message,
    NewSubscriber,
    ReceiverFailure,
    WebhookRequest,
)
from ..models.moments import Moments
from ..models.together import counts_between, counts_of, rows_of
from ..transactions import one_session

#: Newest rows that are read if no index can answer.
SAMPLE = 1000

#: Rows of a table of the most frequent, or the latest.
TOP = 10


@dataclass(frozen=True)
class Traffic:
    """The events of one kind: when the last one came, and how many on each day, oldest first."""

    last_at: datetime | None
    per_day: tuple[int, ...]

    def latest(self, days: int) -> int:
        """Return how many came in the last ``days`` days, of which today is one."""
        return sum(self.per_day[-days:])


@dataclass(frozen=True)
class Funnel:
    """The messages that were first reported in a period, by their results.

    Messages with a receipt are ``delivered``; ``read`` counts a part of these. Messages without one
    are ``failed`` if a failure or refund was reported; ``refunded`` counts all refunds.
    ``accepted`` are those without any report; no other number counts them.
    """

    submitted: int
    delivered: int
    read: int
    failed: int
    refunded: int
    accepted: int = 0

    def rate(self, count: int) -> float:
        """Return ``count`` as a part of all messages, from 0 to 1."""
        return count / self.submitted if self.submitted else 0.0


@dataclass(frozen=True)
class Counts:
    """Requests by state, messages in conflict, chat messages by direction, subscribers by channel.

    A part that a user may not view is empty.
    """

    states: dict[str, int]
    conflicts: int
    directions: dict[int, int]
    #: Channel and number of subscribers, most first.
    channels: list[tuple[str, int]]


@dataclass(frozen=True)
class Group:
    """A recently active group; ``event`` is the id of its last event."""

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


def traffic_of(models: Sequence[type[Event]], days: Sequence[date]) -> list[Traffic]:
    """Return the traffic of some kinds of events in these consecutive days."""
    tables: list[Any] = [model._default_manager.all() for model in models]
    newest = [rows.order_by("-received_at").values_list("received_at")[:1] for rows in tables]
    lasts = [max((at for (at,) in last), default=None) for last in rows_of(newest)]
    # The last day has no end: a clock that runs ahead hides nothing.
    counts = counts_between(models, "received_at", list(map(midnight, days)))
    return [Traffic(*pair) for pair in zip(lasts, counts, strict=True)]


def funnel(since: date) -> Funnel:
    """Return the results of the messages that were first reported since a day."""
    conditions = {
        "submitted": ~Q(status=DeliveryStatus.ACCEPTED),
        "delivered": Q(delivered=True),
        "read": Q(status=DeliveryStatus.READ),
        "failed": Q(Q(failed_seen=True) | Q(refunded=True), delivered=False),
        "refunded": Q(refunded=True),
        "accepted": Q(status=DeliveryStatus.ACCEPTED),
    }
    # Counted by a column that is in the index; an aggregate may not be called as a field is.
    counts = {
        f"{name}_count": Count("status", filter=condition) for name, condition in conditions.items()
    }
    messages = Message.objects.filter(first_reported_at__gte=midnight(since)).order_by()
    messages = messages.using(messages.db)  # a router can return another one each time
    # With a cursor PostgreSQL starts no further processes, which would take longer than counting.
    with one_session(messages.db):
        counted: Any = next(messages.values(all=Value(0)).annotate(**counts).iterator())
    return Funnel(**{name: counted[f"{name}_count"] for name in conditions})


def counts(since: date, may_view: Callable[[Any], bool]) -> Counts:
    """Return the counts of the models that a user may view, in one statement.

    They are of the requests in each unfinished state, quarantined or dead; of the messages that
    were both received and failed or refunded; and, since a day, of chat messages and subscribers.
    """
    parts: dict[tuple[str, Any], Any] = {}
    if may_view(WebhookRequest):
        requests = WebhookRequest.objects.order_by()
        wanted = (*UNFINISHED, RequestState.QUARANTINED, RequestState.DEAD)
        parts |= {("state", state): requests.filter(state=state) for state in wanted}
    if may_view(Message):
        parts["conflict", None] = Message.objects.in_conflict()
    if may_view(ChatMessage):
        chats = ChatMessage.objects.filter(received_at__gte=midnight(since)).order_by()
        parts |= {("direction", each): chats.filter(direction=each) for each in Direction}
    if may_view(NewSubscriber):
        subscribers = NewSubscriber.objects.filter(received_at__gte=midnight(since)).order_by()
        names = channels_in_use()
        parts |= {("channel", name): subscribers.filter(channel=name) for name in names}
    counted: dict[str, dict[Any, int]] = defaultdict(dict)
    for (part, value), count in zip(parts, counts_of([*parts.values()]), strict=True):
        counted[part][value] = count
    channels = [(name, count) for name, count in counted["channel"].items() if count]
    channels.sort(key=lambda pair: (-pair[1], pair[0]))
    conflicts = sum(counted["conflict"].values())
    return Counts(counted["state"], conflicts, counted["direction"], channels)


def waiting_since(states: Iterable[RequestState] = UNFINISHED) -> datetime | None:
    """Return when the oldest unfinished request came, or the oldest one in these states."""
    # Only those that are due first: a backlog of millions takes too long to read.
    due = [WebhookRequest.objects.filter(state=state).order_by("due_at") for state in states]
    first = rows_of([rows.values_list(Moments("received_at"))[:SAMPLE] for rows in due])
    return min((at for rows in first for (at,) in rows), default=None)


def failing_receivers() -> list[dict[str, Any]]:
    """Return the receivers with most failures: ``receiver``, ``count`` and ``last_at`` of each."""
    failures = ReceiverFailure.objects.order_by().values("receiver")
    counted = failures.annotate(count=Count("*"), last_at=Max("failed_at"))
    return [dict(row) for row in counted.order_by("-count", "receiver")[:TOP]]


def channels_in_use() -> list[str]:
    """Return the channels of the newest subscribers: each project has ids of its own."""
    newest = NewSubscriber.objects.order_by("-pk").values_list("channel", flat=True)[:SAMPLE]
    return sorted(set(newest))


def active_groups() -> list[Group]:
    """Return the groups of the newest events, the latest first."""
    names = ("pk", "project_id", "group_id", "group_subject", Moments("received_at"))
    groups: dict[tuple[str, str], Group] = {}
    for pk, project_id, group_id, subject, at in GroupMemberEvent.objects.order_by(
        "-pk"
    ).values_list(*names)[:SAMPLE]:
        groups.setdefault((project_id, group_id), Group(pk, group_id, subject, at))
    return list(groups.values())[:TOP]
