"""Parsed events to rows: each once, in order, in a number of statements that does not grow.

Everything here runs inside of one transaction of the caller: first it is looked what is there,
then decided what is new, and that is written by the caller. Where another worker inserts the
same rows at the same time, the unique keys raise ``IntegrityError`` and the caller starts over
with a new transaction, in which those rows are there to be found. All workers lock and insert in
the order of the keys, so that overlapping batches do not wait for each other in a circle.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from . import keys
from .models import (
    MODELS,
    DeliveryReport,
    Event,
    GroupMemberEvent,
    Message,
    NewSubscriber,
    WebhookRequest,
)
from .models.columns import build
from .payloads import Payload
from .tables.choice import table_of
from .tables.orm import Writes

#: Messages by their project and their id.
Messages = dict[tuple[str, str], Message]


@dataclass
class Stored:
    """What a request has become: its own events in order, its repeats, the messages it is about."""

    events: list[Any] = field(default_factory=list)
    repeats: int = 0
    messages: Messages = field(default_factory=dict)


def store(
    requests: list[WebhookRequest],
    payloads: list[Payload],
    repeat_window: timedelta,
    writes: Writes,
    thorough: bool = False,
) -> list[Stored]:
    """Decide what the events of each payload become, and return that of each request.

    The rows are added to ``writes``, and are there once those are executed. Storing the same
    request again adds nothing and returns the same. Unless ``thorough``, nobody looks for reports
    of a message that is new: the first of them made the message.
    """
    stored = {request.pk: Stored() for request in requests}
    of_kind: dict[type[Event], list[Any]] = {}
    for request, payload in sorted(zip(requests, payloads, strict=True), key=_arrival):
        if payload.events:
            rows = of_kind.setdefault(MODELS[payload.kind], [])
            rows.extend(_rows(request, payload))
    # Everybody locks the tables in the same order, too.
    for model, rows in sorted(of_kind.items(), key=lambda item: item[0].__name__):
        if model is GroupMemberEvent:
            _store_group_events(requests, rows, repeat_window, stored, writes)
        else:
            _store_by_key(model, rows, stored, writes, thorough)
    return [stored[request.pk] for request in requests]


def _arrival(pair: tuple[WebhookRequest, Payload]) -> int:
    return pair[0].pk


def _rows(request: WebhookRequest, payload: Payload) -> list[Any]:
    model = MODELS[payload.kind]
    of_request = {
        "request_id": request.pk,
        "arrival": request.pk,
        "received_at": request.received_at,
        "project_id": payload.project_id,
    }
    remember = model.request.field.set_cached_value
    rows = []
    for event in payload.events:
        values = of_request | event.fields | {"index": event.index, "extra": event.extra}
        row: Any = build(model, values)
        remember(row, request)
        if isinstance(row, NewSubscriber) and row.date and not settings.USE_TZ:
            row.date = timezone.make_naive(row.date, timezone.get_default_timezone())
        rows.append(row)
    return rows


def _store_by_key(
    model: type[Event],
    rows: list[Any],
    stored: dict[int, Stored],
    writes: Writes,
    thorough: bool,
) -> None:
    """Store events that have a natural key: the first row of each key is the event."""
    first: dict[str, Any] = {}
    for row in rows:
        row.key = row.natural_key()
        if first.setdefault(row.key, row) is not row:
            first[row.key].fill_from(row)
    messages: Messages = {}
    wanted: Iterable[str] = first
    if model is DeliveryReport:
        # Before the events: whoever holds the message holds its reports.
        messages = _absorb(first.values(), writes)
        new = set() if thorough else {place for place, one in messages.items() if not one.pk}
        wanted = [key for key, row in first.items() if (row.project_id, row.msg_id) not in new]
    table = table_of(model, writes.database)
    known = table.find(wanted)
    writes.update(table, [row for key, row in known.items() if row.fill_from(first[key])])
    writes.insert(table, [row for key, row in first.items() if key not in known])
    for row in rows:
        stored[row.request_id].repeats += 1
        stored[row.request_id].messages = messages
    for event in (known.get(key, row) for key, row in first.items()):
        if event.request_id in stored:  # new, or of an earlier attempt at the same request
            stored[event.request_id].events.append(event)
            stored[event.request_id].repeats -= 1
    for one in stored.values():
        one.events.sort(key=lambda row: row.index)


def _absorb(reports: Iterable[DeliveryReport], writes: Writes) -> Messages:
    """Lock the messages of these reports, bring them up to date and return them."""
    about = [
        (keys.message(report.project_id, report.msg_id), report)
        for report in reports
        if report.msg_id
    ]
    table = table_of(Message, writes.database)
    messages = table.find({key for key, _ in about})
    changed = {}
    for key, report in about:
        message = messages.get(key)
        if message is None:
            message = messages[key] = Message.of(report, key)
        report.previous_status = message.status
        if message.absorb(report):
            changed[key] = message
    writes.insert(table, [message for message in messages.values() if not message.pk])
    writes.update(table, [message for message in changed.values() if message.pk])
    return {(message.project_id, message.msg_id): message for message in messages.values()}


def _store_group_events(
    requests: list[WebhookRequest],
    rows: list[GroupMemberEvent],
    repeat_window: timedelta,
    stored: dict[int, Stored],
    writes: Writes,
) -> None:
    """Store events without an identity: one that equals its neighbour in time is a repeat."""
    new = []
    touched = {}
    histories = _histories(rows, writes.database)
    undecided = {request.pk: _undecided(request) for request in requests}
    for row in rows:
        mine = stored[row.arrival]
        history = histories.setdefault(_member(row), [])
        own = next((event for event in history if _is_place_of(event, row)), None)
        if own is not None:
            mine.events.append(own)
            continue
        repeated = _repeated(row, history, repeat_window)
        if repeated is None and undecided[row.arrival](row.index):
            row.last_arrival = row.arrival
            row.ordinal = 1 + max((event.ordinal for event in history), default=0)
            row.key = row.natural_key()
            history.append(row)
            new.append(row)
            mine.events.append(row)
        else:
            mine.repeats += 1
            if repeated is not None and repeated.fill_from(row) and repeated.pk:
                touched[repeated.pk] = repeated
    table = table_of(GroupMemberEvent, writes.database)
    writes.insert(table, new)
    writes.update(table, list(touched.values()))


def _member(row: GroupMemberEvent) -> tuple[str, str, str]:
    return (row.project_id, row.group_id, row.number)


def _histories(
    rows: list[GroupMemberEvent], database: str
) -> dict[tuple[str, str, str], list[GroupMemberEvent]]:
    """Return all recorded events of the members these rows are about."""
    histories: dict[tuple[str, str, str], list[GroupMemberEvent]] = {}
    recorded = GroupMemberEvent.objects.using(database).filter(
        project_id__in={row.project_id for row in rows},
        group_id__in={row.group_id for row in rows},
        number__in={row.number for row in rows},
    )
    for event in recorded.select_for_update().order_by("pk"):
        histories.setdefault(_member(event), []).append(event)
    return histories


def _repeated(
    row: GroupMemberEvent, history: list[GroupMemberEvent], repeat_window: timedelta
) -> GroupMemberEvent | None:
    """Return the event that ``row`` repeats: an equal one right before or after it.

    After it, because another worker may have been faster with a request that came later.
    """
    place = (row.arrival, row.index)
    # At the same place stands one that an earlier row of this request has moved there.
    before = [event for event in history if (event.arrival, event.index) <= place]
    after = [event for event in history if (event.arrival, event.index) > place]
    neighbours = [
        *sorted(before, key=lambda event: (event.arrival, event.index))[-1:],
        *sorted(after, key=lambda event: (event.arrival, event.index))[:1],
    ]
    for event in neighbours:
        equal = event.action == row.action and all(
            getattr(event, name) == getattr(row, name)
            or "" in (getattr(event, name), getattr(row, name))
            for name in GroupMemberEvent.fillable
        )
        if equal and abs(row.received_at - event.received_at) < repeat_window:
            return event
    return None


def _undecided(request: WebhookRequest) -> Any:
    """Return a test for places of the batch about which nothing was decided so far.

    What was a repeat stays one, whatever has come since; a row that was a problem may have
    become readable.
    """
    if request.event_count + request.repeat_count == 0:
        return lambda index: True
    paths = {problem["path"].partition(".")[0] for problem in request.problems}
    return lambda index: f"data[{index}]" in paths


def _is_place_of(event: GroupMemberEvent, row: GroupMemberEvent) -> bool:
    return event.request_id == row.request_id and event.index == row.index
