"""Decide what a batch of requests changes: from its rows and the recorded ones, as a plan.

Nothing here reads or writes the database. If another worker was faster, the whole decision is made
again from what is recorded by then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils import timezone

from ..bulk.plan import NEW, Change, Insert, Plan, Update, in_sets
from ..choices import RequestState
from ..conf import app_settings
from ..models import (
    MODELS,
    ChatMessage,
    DeliveryReport,
    GroupMemberEvent,
    Message,
    NewSubscriber,
    WebhookRequest,
)
from ..models.columns import build
from ..models.leases import LEASE
from ..models.moments import later
from ..models.requests import outcome_of
from ..parsing.payloads import Payload
from .announce import is_heard
from .histories import member_of
from .look import Recorded, Rows


@dataclass
class Result:
    """The result of a request: its own events in order, and its messages. Others are repeats."""

    events: list[Any] = field(default_factory=list)
    messages: dict[str, Message] = field(default_factory=dict)
    #: The new values of the request's columns.
    changes: dict[str, Any] = field(default_factory=dict)


def rows_of(requests: list[WebhookRequest], payloads: list[Payload]) -> Rows:
    """Return the events of each payload as unsaved rows, in the order of arrival."""
    rows: Rows = {}
    pairs = zip(requests, payloads, strict=True)
    for request, payload in sorted(pairs, key=lambda pair: _id(pair[0])):
        if payload.events:
            rows.setdefault(MODELS[payload.kind], []).extend(_rows(request, payload))
    return rows


def decide(
    requests: list[WebhookRequest],
    payloads: list[Payload],
    rows: Rows,
    recorded: dict[Any, Recorded],
) -> tuple[Plan, list[Result]]:
    """Return the plan for these requests, and the result of each.

    Deciding about the same request again adds nothing and returns an equal result.
    """
    results = {_id(request): Result() for request in requests}
    plan: Plan = []
    for model in recorded:
        if model is GroupMemberEvent:
            plan += _of_members(requests, rows[model], recorded[model], results)
        else:
            plan += _of_keys(rows[model], recorded[model], results)
    if ChatMessage in recorded and DeliveryReport in recorded:
        # A message that is reported in the same batch can be answered, too.
        recorded[ChatMessage].messages |= recorded[DeliveryReport].messages
    now = timezone.now()
    for result, payload in zip(results.values(), payloads, strict=True):
        result.changes = _changes(payload, result, now)
    ordered = list(results.values())
    if requests[0].pk is None:
        # A copy, so that the request stays as it is until all is committed.
        new = build(WebhookRequest, vars(requests[0]) | ordered[0].changes)
        ordered[0].changes = vars(new)  # it gets its id
        return [Insert([new]), *plan], ordered
    return [*plan, *_updates(requests, ordered)], ordered


def _id(request: WebhookRequest) -> int:
    return request.pk or NEW


def _rows(request: WebhookRequest, payload: Payload) -> Iterable[Any]:
    model = MODELS[payload.kind]
    of_request = {
        "request_id": _id(request),
        "arrival": _id(request),
        "received_at": request.received_at,
        "project_id": payload.project_id,
    }
    remember = model.request.field.set_cached_value
    for event in payload.events:
        values = of_request | event.fields | {"index": event.index, "extra": event.extra}
        row: Any = build(model, values)
        remember(row, request)
        if isinstance(row, NewSubscriber) and row.date and not settings.USE_TZ:
            row.date = timezone.make_naive(row.date, timezone.get_default_timezone())
        if model is not GroupMemberEvent:
            row.key = row.natural_key()
        yield row


def _of_keys(rows: list[Any], recorded: Recorded, results: dict[int, Result]) -> Plan:
    """Decide about events that have a natural key: the first row of each key is the event."""
    plan = _absorb(rows, recorded.messages)  # before repeats fill their blanks
    first: dict[str, Any] = {}
    for row in rows:
        if first.setdefault(row.key, row) is not row:
            first[row.key].fill_from(row)
    plan += in_sets(
        Update, [row for key, row in recorded.events.items() if row.fill_from(first[key])]
    )
    plan += in_sets(Insert, [row for key, row in first.items() if key not in recorded.events])
    for row in rows:
        results[row.request_id].messages = recorded.messages
    for event in (recorded.events.get(key, row) for key, row in first.items()):
        if event.request_id in results:  # new, or of an earlier attempt at the same request
            results[event.request_id].events.append(event)
    for result in results.values():
        result.events.sort(key=lambda row: row.index)
    return plan


def _absorb(reports: Iterable[Any], messages: dict[str, Message]) -> Plan:
    """Bring messages up to date with these reports, and add those that are new."""
    new, old = {}, {}
    for report in reports:
        if not isinstance(report, DeliveryReport) or not report.msg_id:
            continue
        key = report.message_key
        message = messages.get(key)
        if message is None:
            message = messages[key] = new[key] = Message.of(report, key)
        report.previous_status = message.status
        if message.absorb(report) and key not in new:
            old[key] = message
    return in_sets(Insert, new.values()) + in_sets(Update, old.values())


def _of_members(
    requests: list[WebhookRequest],
    rows: list[GroupMemberEvent],
    recorded: Recorded,
    results: dict[int, Result],
) -> Plan:
    """Decide about events without an identity: one that equals its neighbour is a repeat."""
    new, filled = [], {}
    is_undecided = {_id(request): _undecided(request) for request in requests}
    for row in rows:
        result, history = results[row.arrival], recorded.histories[member_of(row)]
        if earlier := history.recorded(row):
            result.events.append(earlier)
            continue
        repeated = history.repeated_by(row, app_settings.repeat_window)
        if repeated is None and is_undecided[row.arrival](row.index):
            row.last_arrival = row.arrival
            row.ordinal = history.ordinal + 1
            row.key = row.natural_key()
            history.record(row)
            new.append(row)
            result.events.append(row)
        elif repeated is not None and history.fill(repeated, row) and repeated.pk:
            filled[repeated.pk] = repeated
    return in_sets(Insert, new) + in_sets(Update, filled.values())


def _undecided(request: WebhookRequest) -> Callable[[int], bool]:
    """Return a test for positions of the batch that are not decided yet.

    A repeat stays a repeat, even if other events came since. An invalid row may have become
    valid.
    """
    if request.event_count + request.repeat_count == 0:
        return lambda index: True
    paths = {problem["path"].partition(".")[0] for problem in request.problems}
    return lambda index: f"data[{index}]" in paths


def _changes(payload: Payload, result: Result, now: datetime) -> dict[str, Any]:
    events = len(result.events)
    repeats = len(payload.events) - events
    problems = len(payload.problems) + payload.unlisted
    outcome = outcome_of(events, repeats, problems)
    has_signals = is_heard(payload.kind, outcome, events)
    changes = {
        "kind": payload.kind,
        "state": RequestState.STORED if has_signals else outcome,
        "problems": [asdict(problem) for problem in payload.problems],
        "warnings": [asdict(warning) for warning in payload.warnings],
        "problem": payload.problems[0].group if payload.problems else None,
        "event_count": events,
        "repeat_count": repeats,
        "problem_count": problems,
        "error": "",
        "processed_at": now,
        # Storing its rows may take much of the lease.
        "due_at": later(now, LEASE),
    }
    return changes if has_signals else changes | {"claimed_by": "", "finished_at": now}


def _updates(requests: list[WebhookRequest], results: list[Result]) -> Plan:
    """Return the updates of these requests, one for all that change alike."""
    groups: dict[str, tuple[dict[str, Any], list[WebhookRequest]]] = {}
    for request, result in zip(requests, results, strict=True):
        changes = {
            name: value for name, value in result.changes.items() if getattr(request, name) != value
        }
        groups.setdefault(repr(changes), (changes, []))[1].append(request)
    return [Change(members, changes) for changes, members in groups.values()]
