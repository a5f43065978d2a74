"""Rows as after years of use: an SQL expression for each column of each model.

All expressions depend on ``n``, the number and id of a row. The rows that make a list slow are
included: rare ones, and some that are only among the oldest rows.
"""

from __future__ import annotations

import json
from typing import Any

from django.db import models

from pickyassist_webhooks.choices import (
    Content,
    DeliveryStatus,
    Direction,
    EventKind,
    FilterStatus,
    GroupAction,
)
from pickyassist_webhooks.models import (
    ChatMessage,
    DeliveryReport,
    FilterReport,
    GroupMemberEvent,
    Message,
    NewSubscriber,
    Push,
    ReceiverFailure,
    WebhookRequest,
)
from pickyassist_webhooks.parsing.values import Problem
from tests.scale.expressions import Expressions, case, dice, literal

Columns = dict[str, Any]

#: An undocumented code, and the three rows of each kind that have it.
UNLISTED, HAS_UNLISTED = 77, "n IN (3, 6, 9)"

#: The problems of the requests in quarantine. The last one is only in the oldest tenth.
PROBLEMS = tuple(
    Problem(*parts)
    for parts in (
        ("data[3].number", "missing", "a text or a whole number"),
        ("data[0].msg_id", "missing", "a msg_id, or a push_id and a number"),
        ("data[1].status", "missing", "a whole number"),
        ("data[7].status", "not_an_integer", "a whole number of 64 bits"),
        ("data[2].msg_id", "wrong_type", "a text or a whole number"),
        ("data[0].group_id", "too_long", "at most 255 characters"),
        ("event_id", "unknown_event", "one of 1, 2, 3, 4"),
        ("event_id", "missing", "one of 1, 2, 3, 4"),
        ("project_id", "foreign_project", "one of the PROJECT_IDS of this secret"),
        ("", "not_json", "a JSON object or form fields"),
        ("", "not_an_object", "a JSON object"),
        ("subscriber_id", "missing", "a subscriber_id or a mobile number"),
    )
)

#: The events of each group in a thousand events.
GROUPS = (500, 250, 150, 50, 30, 12, 5, 2, 1)

#: A group with many old chat messages.
BUSY_GROUP = "120363999@g.us"

#: The kinds of the requests in a row. Each request has as many events.
_KINDS = (
    EventKind.DELIVERY_REPORT,
    EventKind.FILTER_REPORT,
    EventKind.GROUP_MEMBER,
    EventKind.NEW_SUBSCRIBER,
    EventKind.CHAT_MESSAGE,
)
_SIZE = len(_KINDS)
_BODY_ROW = (
    '{"msg_id": "wamid.%d", "number": "4915112345678", "status": "1", "push_id": "7012",'
    ' "reference_number": "order", "error_code": "", "error_message": ""}'
)


def count(model: type[models.Model], rows: int) -> int:
    """Return the number of rows of a model if the other models have ``rows`` rows."""
    return rows // 1000 if model in (ReceiverFailure, Push) else rows


def columns(model: type[models.Model], made: Expressions) -> dict[str, str]:
    """Return an expression for each column: given here, or the default of the field."""
    given = {"id": "n", **_COLUMNS[model](made)}
    fields: Any = model._meta.concrete_fields
    return {
        field.column: str(given[field.attname]) if field.attname in given else _default(field, made)
        for field in fields
    }


def _default(field: Any, made: Expressions) -> str:
    value = field.get_default()
    if value is None and not field.null:
        raise LookupError(f"expected an expression for {field}, which has no default")
    if isinstance(value, list | dict):
        return made.sql.json(literal(json.dumps(value)))
    if isinstance(value, str):
        return literal(value)
    return "NULL" if value is None else str(value).upper()


def _request(made: Expressions) -> Columns:
    state, problem = made.state("n"), _problem(made)
    kinds = case(*((f"(n - 1) % {_SIZE} = {i}", literal(kind)) for i, kind in enumerate(_KINDS)))
    listed = [
        json.dumps([{"path": entry.path, "code": entry.code, "expected": entry.expected}])
        for entry in PROBLEMS
    ]
    problems = case(*((f"{problem} = {i}", literal(text)) for i, text in enumerate(listed)))
    unfinished = f"{state} IN ('received', 'stored', 'failing')"
    failed = f"{state} IN ('failing', 'dead')"
    return {
        "token": made.sql.token(),
        "body": made.sql.binary(_body(made)),
        "content_type": "'application/json'",
        "remote_addr": "'203.0.113.7'",
        "secret_label": "'first'",
        "kind": case((f"{state} IN ('received', 'quarantined')", "''"), default=kinds),
        "state": state,
        "problems": made.sql.json(case((f"{problem} >= 0", problems), default="'[]'")),
        "problem": case(
            *((f"{problem} = {i}", literal(entry.group)) for i, entry in enumerate(PROBLEMS))
        ),
        "problem_count": case((f"{problem} >= 0", 1), default=0),
        "event_count": case((f"{state} = 'done'", _SIZE), default=0),
        "attempts": case((f"{state} = 'dead'", 10), default=1),
        "error": case((failed, "'ConnectionError: no route to host'"), default="''"),
        # Some failed requests are due, others wait.
        "due_at": case(
            (f"{state} = 'failing'", made.sql.moment(made.now, "(n % 40000 - 20000) * 1000000")),
            default=made.moment(),
        ),
        "received_at": made.moment(),
        "processed_at": case((unfinished, "NULL"), default=made.moment(seconds="1")),
        "finished_at": case((unfinished, "NULL"), default=made.moment(seconds="n % 100")),
        "receiver_seconds": made.sql.json(
            case(
                (unfinished, "NULL"),
                default="""'{"shop.receivers.on_status": 0.25, "crm.receivers.on_status": 2.5}'""",
            )
        ),
    }


def _problem(made: Expressions) -> str:
    """Return the position in ``PROBLEMS`` of a request's problem, or -1."""
    state, last = made.state("n"), len(PROBLEMS) - 1
    old = f"n <= {made.rows // 10} AND {dice('n', 'old problem', 3)} = 0"
    other = dice("n", "problem", last)
    return case(
        (f"{state} = 'quarantined'", case((old, last), default=other)),
        (f"{state} = 'discarded'", other),
        default=-1,
    )


def _body(made: Expressions) -> str:
    data = ", ".join(_BODY_ROW % index for index in range(_SIZE))
    begin, end = '{"project_id": "', f'", "event_id": 1, "data": [{data}]}}'
    return made.sql.joined(literal(begin), made.sql.text("n"), literal(end))


def _event(kind: EventKind, made: Expressions) -> Columns:
    """Return the columns of every event. Several are in one request, if it still exists."""
    request = f"({made.sql.quotient('n - 1', _SIZE)} * {_SIZE} + {_KINDS.index(kind) + 1})"
    return {
        "project_id": made.project(),
        "request_id": case((f"{made.state(request)} = 'done'", request)),
        "index": f"(n - 1) % {_SIZE}",
        "arrival": request,
        "received_at": made.moment(),
        # An unknown field.
        "extra": made.sql.json(
            case((f"{dice('n', 'extra', 100)} = 0", """'{"wa_id": "7"}'"""), default="'{}'")
        ),
    }


def _delivery_report(made: Expressions) -> Columns:
    # Each message has three reports: submitted, delivered or failed, and perhaps read.
    message, position = f"({made.sql.quotient('n - 1', 3)} * 3 + 1)", "(n - 1) % 3"
    result = case(
        (f"{dice(message, 'refunded', 10_000)} < 6", DeliveryStatus.REFUNDED),
        (f"{dice(message, 'failed', 100)} < 12", DeliveryStatus.FAILED),
        default=DeliveryStatus.DELIVERED,
    )
    status = case(
        (HAS_UNLISTED, UNLISTED),
        (f"{position} = 0", DeliveryStatus.SUBMITTED),
        (f"{position} = 1", result),
        (f"{dice(message, 'read', 100)} < 85", DeliveryStatus.READ),
        default=DeliveryStatus.UNKNOWN,
    )
    failed = f"{status} = {DeliveryStatus.FAILED}"
    return {
        **_event(EventKind.DELIVERY_REPORT, made),
        **_report(message, status, made),
        "previous_status": case(
            (f"{position} = 1", DeliveryStatus.SUBMITTED),
            (f"{position} = 2", DeliveryStatus.DELIVERED),
        ),
        "error_code": case((failed, made.sql.text(dice("n", "error", 15))), default="''"),
        "error_message": case((failed, "'Message undeliverable.'"), default="''"),
        "message": "'Your order is on its way.'",
        "message_type": "'text'",
        "channel": made.channel(message),
    }


def _filter_report(made: Expressions) -> Columns:
    share = dice("n", "on WhatsApp", 100)
    status = case(
        (HAS_UNLISTED, UNLISTED),
        (f"{share} < 70", FilterStatus.ON_WHATSAPP),
        (f"{share} < 95", FilterStatus.NOT_ON_WHATSAPP),
        default=FilterStatus.UNKNOWN,
    )
    return {**_event(EventKind.FILTER_REPORT, made), **_report("n", status, made)}


def _report(message: str, status: str, made: Expressions) -> Columns:
    columns = made.message(message)
    parts = (columns["project_id"], "':'", columns["msg_id"], "':'", made.sql.text(status))
    return {**columns, "key": made.sql.joined(*parts), "status": status}


def _group_member_event(made: Expressions) -> Columns:
    left = "n % 5 = 0"  # the member has joined in the row before
    position, ends = "(n - 1) % 1000", [sum(GROUPS[: i + 1]) for i in range(len(GROUPS))]
    group = case(*((f"{position} < {end}", i) for i, end in enumerate(ends)))
    group = f"({made.sql.quotient('n - 1', 1000)} * 10 + {group})"
    group_id = made.sql.joined("'120363'", made.sql.padded(group, 12), "'@g.us'")
    parts = (made.project(), "':'", group_id, "':'", made.sql.padded("n", 12))
    return {
        **_event(EventKind.GROUP_MEMBER, made),
        "key": made.sql.joined(*parts),
        "action": case(
            (HAS_UNLISTED, UNLISTED), (left, GroupAction.EXITED), default=GroupAction.JOINED
        ),
        "group_id": group_id,
        "group_subject": made.sql.joined("'Group '", made.sql.text(group)),
        "number": made.number(case((left, "n - 1"), default="n")),
        "number_key": made.number_key(case((left, "n - 1"), default="n")),
        "channel": "'101'",
        "ordinal": case((left, 2), default=1),
        "last_arrival": "n",
    }


def _new_subscriber(made: Expressions) -> Columns:
    subscriber_id = made.sql.padded("n", 9)
    return {
        **_event(EventKind.NEW_SUBSCRIBER, made),
        "key": made.sql.joined(made.project(), "':'", subscriber_id),
        "subscriber_id": subscriber_id,
        "number": made.number(),
        "number_key": made.number_key(),
        "name": made.sql.joined("'Subscriber '", made.sql.text("n")),
        "channel": made.channel(),
        "message": "'Hello, is anyone there?'",
        "date": made.moment(),
        "date_text": made.sql.text(made.moment()),
    }


def _chat_message(made: Expressions) -> Columns:
    # One of ten is in a group, and one of four answers the message with its number.
    grouped, answering = "n % 10 = 3", "n % 4 = 3"
    busy = f"n <= {made.rows // 10} AND n % 40 = 3"
    group = made.sql.joined("'120363'", made.sql.padded(made.sql.quotient("n - 1", 1000), 12))
    direction = case(
        (HAS_UNLISTED, UNLISTED), ("n % 3 = 1", Direction.SENT), default=Direction.RECEIVED
    )
    unique_id = made.sql.padded("n", 9)
    parts = (made.project(), "':'", unique_id, "':'", made.sql.text(direction))
    return {
        **_event(EventKind.CHAT_MESSAGE, made),
        "key": made.sql.joined(*parts),
        "direction": direction,
        "unique_id": unique_id,
        "number": made.number(),
        "number_key": made.number_key(),
        "name": made.sql.joined("'Customer '", made.sql.text("n")),
        "messenger_id": case(("n % 5 = 3", made.sql.padded("n", 13)), default="''"),
        "text": "'Where is my order? It was to be here yesterday.'",
        "content": case(
            (answering, literal(Content.REPLY.value)), default=literal(Content.TEXT.value)
        ),
        "type": case((answering, "'9'"), default="'1'"),
        "channel": made.channel(),
        "group_id": case((busy, literal(BUSY_GROUP)), (grouped, group), default="''"),
        "group_subject": case((grouped, "'Team'"), default="''"),
        "context_msg_id": case((answering, made.message("n")["msg_id"]), default="''"),
        "payload": case((answering, "'yes'"), default="''"),
    }


def _message(made: Expressions) -> Columns:
    # Ten messages, all of them old.
    conflict = f"n <= {made.rows // 10} AND n % {made.rows // 100} = 1"
    share = dice("n", "status", 10_000)
    status = case(
        (HAS_UNLISTED, UNLISTED),
        (conflict, DeliveryStatus.DELIVERED),
        (f"{share} < 2", DeliveryStatus.REFUNDED),
        (f"{share} < 800", DeliveryStatus.FAILED),
        (f"{share} < 2000", DeliveryStatus.SUBMITTED),
        (f"{share} < 5500", DeliveryStatus.DELIVERED),
        default=DeliveryStatus.READ,
    )
    columns = made.message("n")
    return {
        **columns,
        "key": made.sql.joined(columns["project_id"], "':'", columns["msg_id"]),
        "country": case((f"{dice('n', 'country', 10)} < 3", "'BR'"), default="'DE'"),
        "channel": made.channel(),
        "status": status,
        "first_reported_at": made.moment(),
        "changed_at": made.moment(seconds=dice("n", "changed", 3600)),
        "delivered": f"({status} IN ({DeliveryStatus.DELIVERED}, {DeliveryStatus.READ}))",
        "failed_seen": f"({status} = {DeliveryStatus.FAILED} OR ({conflict}))",
        "refunded": f"({status} = {DeliveryStatus.REFUNDED})",
        **_error(status, made),
    }


def _error(status: str, made: Expressions) -> Columns:
    failed = f"{status} IN ({DeliveryStatus.FAILED}, {DeliveryStatus.REFUNDED})"
    code = made.sql.text(dice("n", "error", 15))
    return {
        "error_code": case((failed, code), default="''"),
        "error_message": case((failed, "'Message undeliverable.'"), default="''"),
        "error_status": case((failed, status)),
        "error_group": case((failed, made.sql.joined(code, "' Message undeliverable.'"))),
    }


def _receiver_failure(made: Expressions) -> Columns:
    # Two receivers: of a failing request, and of the finished one before it.
    request = f"({made.sql.quotient('n + 1', 2)} * 2000 - 1000 - (n + 1) % 2)"
    failed_at = made.moment(request, "60")
    return {
        "request_id": request,
        "signal": "'message_status_changed'",
        "event_id": request,
        "receiver": case(
            ("n % 2 = 1", "'shop.receivers.on_status'"), default="'crm.receivers.on_status'"
        ),
        "failed_at": failed_at,
        "due_at": case(("n % 2 = 1", failed_at)),
        "error": "'ConnectionError: no route to host'",
        "exception": "'ConnectionError'",
    }


def _push(made: Expressions) -> Columns:
    # That of a thousand messages. Some lack reports, and one of them is due.
    first = made.message("(n * 1000 - 999)")
    recorded_at = made.moment("(n * 1000 - 999)")
    return {
        "key": made.sql.joined(first["project_id"], "':'", first["push_id"]),
        "project_id": first["project_id"],
        "push_id": first["push_id"],
        "recorded_at": recorded_at,
        "state": case(
            (f"n > {made.rows // 1000 - 5}", "'open'"),
            ("n % 50 = 7", "'given_up'"),
            default="'settled'",
        ),
        "asked_at": case(("n % 50 = 7", recorded_at)),
        "due_at": made.moment("(n * 1000 - 999)", "60"),
        "error": case(("n % 50 = 7", "'the answer is not JSON'"), default="''"),
    }


_COLUMNS = {
    WebhookRequest: _request,
    DeliveryReport: _delivery_report,
    FilterReport: _filter_report,
    GroupMemberEvent: _group_member_event,
    NewSubscriber: _new_subscriber,
    ChatMessage: _chat_message,
    Message: _message,
    ReceiverFailure: _receiver_failure,
    Push: _push,
}
