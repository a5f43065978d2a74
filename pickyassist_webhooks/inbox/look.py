"""Look up what is recorded of the events of a batch, in a constant number of statements."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import connections
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from ..bulk.writer import Writer
from ..choices import GroupAction, progress
from ..models import (
    DeliveryReport,
    Event,
    GroupMemberEvent,
    Message,
    WebhookRequest,
)
from ..models.encodings import holdable
from .histories import History, Member, member_of

#: The newest recorded events of a member, which are read: only neighbours in time are compared.
NEWEST = 50

#: Members in one statement: SQLite takes at most 500 parts.
_MEMBERS_AT_ONCE = 200

#: Rows that are not saved yet, in the order of arrival, by their model.
Rows = dict[type[Event], list[Any]]


@dataclass
class Recorded:
    """The recorded rows, by their keys, and the recorded events of each member of a group."""

    events: dict[str, Any] = field(default_factory=dict)
    messages: dict[str, Message] = field(default_factory=dict)
    histories: defaultdict[Member, History] = field(default_factory=lambda: defaultdict(History))


def look_up(
    rows_by_model: Rows,
    requests: list[WebhookRequest],
    writer: Writer,
    lock: bool,
    thorough: bool = False,
) -> dict[type[Event], Recorded]:
    """Return what is recorded of these rows, and lock it if ``lock`` is true.

    Unless ``thorough``, reports that raise the status of their message, or create it, are not
    looked up: a recorded report has raised it before.
    """
    # All workers lock the tables in the same order, and the rows in the order of their keys.
    return {
        model: _members(rows, requests, writer, lock)
        if model is GroupMemberEvent
        else _keyed(model, rows, writer, lock, thorough)
        for model, rows in sorted(rows_by_model.items(), key=lambda item: item[0].__name__)
    }


def _keyed(model: Any, rows: list[Any], writer: Writer, lock: bool, thorough: bool) -> Recorded:
    recorded = Recorded()
    wanted = {row.key for row in rows}
    of_messages = {row.message_key for row in rows} - {""}
    # Before the events: a lock on a message covers its reports. An answer does not change it.
    recorded.messages = writer.find(Message, of_messages, lock and model is DeliveryReport)
    if model is DeliveryReport and not thorough:
        wanted -= {row.key for row in rows if row.msg_id and _raises(row, recorded.messages)}
    recorded.events = writer.find(model, wanted, lock)
    return recorded


def _raises(report: DeliveryReport, messages: dict[str, Message]) -> bool:
    """Tell whether a report creates its message, or raises its status."""
    message = messages.get(report.message_key)
    return message is None or progress(report.status) > progress(message.status)


def _members(
    rows: Iterable[GroupMemberEvent], requests: list[WebhookRequest], writer: Writer, lock: bool
) -> Recorded:
    """Return the newest events of the members in these rows, and all events of these requests."""
    recorded = Recorded()
    events = GroupMemberEvent.objects.using(writer.database).order_by("pk")
    events = events.select_for_update() if lock else events
    members = sorted(set(map(member_of, rows)))
    by_pk = {event.pk: event for event in _newest(events, members)}
    # Unknown actions, however many, come between no two joins.
    if crowded := _without_joins_and_exits(members, list(by_pk.values())):
        by_pk |= {event.pk: event for event in _newest(events, crowded, is_known=True)}
    if processed := [request.pk for request in requests if request.event_count]:
        by_pk |= {event.pk: event for event in events.filter(request__in=processed)}
    for event in by_pk.values():
        recorded.histories[member_of(event)].record(event)
    return recorded


def _without_joins_and_exits(members: list[Member], newest: list[GroupMemberEvent]) -> list[Member]:
    """Return the members whose newest events, as many as are read, are all unknown actions."""
    counts = Counter(map(member_of, newest))
    joined_or_left = {member_of(event) for event in newest if event.action in GroupAction.values}
    return [
        member for member in members if counts[member] == NEWEST and member not in joined_or_left
    ]


def _newest(
    events: QuerySet[GroupMemberEvent], members: list[Member], is_known: bool = False
) -> Iterator[GroupMemberEvent]:
    connection = connections[events.db]
    quote = connection.ops.quote_name
    actions = f" AND action IN ({', '.join(map(str, GroupAction.values))})" if is_known else ""
    # The ORM cannot select the newest of each without reading all of them.
    of_member = (
        f"SELECT id FROM {quote(GroupMemberEvent._meta.db_table)}"  # noqa: S608 -- our own table
        f" WHERE project_id = %s AND group_id = %s AND number = %s{actions}"
        f" ORDER BY id DESC LIMIT {NEWEST}"
    )
    for start in range(0, len(members), _MEMBERS_AT_ONCE):
        chunk = members[start : start + _MEMBERS_AT_ONCE]
        parts = [f"SELECT id FROM ({of_member}) AS m{index}" for index in range(len(chunk))]  # noqa: S608
        ids = f"SELECT id FROM ({' UNION ALL '.join(parts)}) AS newest"  # noqa: S608
        texts = [holdable(text, connection) for member in chunk for text in member]
        yield from events.filter(pk__in=RawSQL(ids, texts))  # noqa: S611
