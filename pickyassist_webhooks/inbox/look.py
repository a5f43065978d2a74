"""Look up what is recorded of the events of a batch, in a constant number of statements."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import connections
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from ..bulk.writer import Writer
from ..choices import GroupAction
from ..models import DeliveryReport, Event, GroupMemberEvent, Message, WebhookRequest, keys
from ..models.encodings import holdable
from .histories import History, Member, member_of

#: The newest recorded events of a member, which are read: only neighbours in time are compared.
NEWEST = 50

#: Members in one statement, each with two parts: SQLite takes at most 500.
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

    Unless ``thorough``, reports of a new message are not looked up: its first report creates the
    message.
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
    if model is DeliveryReport:
        # Before the events: a lock on a message covers its reports.
        of_message = {
            row.key: keys.message(row.project_id, row.msg_id) for row in rows if row.msg_id
        }
        recorded.messages = writer.find(Message, set(of_message.values()), lock)
        if not thorough:
            wanted -= {
                key for key, message in of_message.items() if message not in recorded.messages
            }
    recorded.events = writer.find(model, wanted, lock)
    return recorded


def _members(
    rows: Iterable[GroupMemberEvent], requests: list[WebhookRequest], writer: Writer, lock: bool
) -> Recorded:
    """Return the newest events of the members in these rows, and all events of these requests."""
    recorded = Recorded()
    events = GroupMemberEvent.objects.using(writer.database).order_by("pk")
    events = events.select_for_update() if lock else events
    by_pk = {
        event.pk: event
        for members in _chunks(sorted(set(map(member_of, rows))))
        for event in _newest(events, members, writer.database)
    }
    if processed := [request.pk for request in requests if request.event_count]:
        by_pk |= {event.pk: event for event in events.filter(request__in=processed)}
    for event in by_pk.values():
        recorded.histories[member_of(event)].record(event)
    return recorded


def _newest(
    events: QuerySet[GroupMemberEvent], members: list[Member], database: str
) -> QuerySet[GroupMemberEvent]:
    quote = connections[database].ops.quote_name
    # The ORM cannot select the newest of each without reading all of them.
    of_member = (
        f"SELECT id FROM {quote(GroupMemberEvent._meta.db_table)}"  # noqa: S608 -- our own table
        " WHERE project_id = %s AND group_id = %s AND number = %s"
    )
    newest = f" ORDER BY id DESC LIMIT {NEWEST}"
    # Unknown actions, however many, come between no two joins.
    joins_and_exits = f" AND action IN ({', '.join(map(str, GroupAction.values))})"
    parts = [
        f"SELECT id FROM ({of_member}{condition}{newest}) AS m{index}"  # noqa: S608
        for index, condition in enumerate(["", joins_and_exits] * len(members))
    ]
    ids = f"SELECT id FROM ({' UNION ALL '.join(parts)}) AS newest"  # noqa: S608
    texts = [
        holdable(text, connections[database]) for member in members for text in (*member, *member)
    ]
    return events.filter(pk__in=RawSQL(ids, texts))  # noqa: S611


def _chunks(members: list[Member]) -> Iterator[list[Member]]:
    for start in range(0, len(members), _MEMBERS_AT_ONCE):
        yield members[start : start + _MEMBERS_AT_ONCE]
