"""Examples of webhooks, of the responses to them, and of each resource in the API."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from drf_spectacular.plumbing import get_class
from drf_spectacular.utils import OpenApiExample
from rest_framework import ISO_8601
from rest_framework.fields import DateTimeField

from ..choices import EventKind, RequestState
from ..insights.conversations import Conversations
from ..insights.deliveries import Deliveries, Delivery
from ..insights.errors import Error
from ..insights.latency import Latency
from ..insights.overview import Funnel
from ..models import MODELS, Message, WebhookRequest
from ..parsing.payloads import parse
from ..permissions import VIEW_PERSONAL_DATA
from .serializers import FollowedRequestSerializer, RowSerializer

#: One payload of each kind.
WEBHOOKS: dict[EventKind, dict[str, Any]] = {
    EventKind.DELIVERY_REPORT: {
        "project_id": "4100",
        "event_id": 1,
        "data": [
            {
                "push_id": "700001",
                "number": "15550001111",
                "msg_id": "900001",
                "status": "1",
                "reference_number": "ORD-1",
                "message": "Your order is on its way",
                "message_type": "text",
                "channel_id": 8,
            },
            {
                "push_id": "700001",
                "number": "15550002222",
                "msg_id": "900002",
                "status": "2",
                "error_code": "131026",
                "error_message": "Message undeliverable",
            },
        ],
    },
    EventKind.FILTER_REPORT: {
        "project_id": "4100",
        "event_id": 2,
        "data": [
            {"push_id": "700002", "number": "15550001111", "msg_id": "900003", "status": "1"},
            {"push_id": "700002", "number": "15550002222", "msg_id": "900004", "status": "2"},
        ],
    },
    EventKind.GROUP_MEMBER: {
        "project_id": "4100",
        "event_id": 3,
        "action": 1,
        "group_id": "120363041234567890@g.us",
        "group_subject": "Team",
        "number": "15550001111",
        "application": 8,
    },
    EventKind.NEW_SUBSCRIBER: {
        "project_id": "4100",
        "event_id": 4,
        "subscriber_id": "ZZ100",
        "mobile": "15550001111",
        "name": "Ada",
        "email": "ada@example.com",
        "profile_pic": "https://example.com/ada.jpg",
        "channel": "8",
        "message": "hi",
        "date": "2026-05-29T16:01:06+05:30",
    },
    EventKind.CHAT_MESSAGE: {
        "number": "15550001111",
        "name": "Ada",
        "message-in": "Yes%2C+please",
        "message_in_raw": "Yes, please",
        "application": 8,
        "type": 9,
        "unique-id": "880000001",
        "project-id": 4100,
        "direction": 0,
        "context-msg-id": "900001",
        "payload": "yes",
    },
}

_REQUEST_ID = "1b4e28ba-2fa1-4d3b-a3f5-ef19b5a7633b"
_STORED: dict[str, Any] = {
    "ok": True,
    "id": _REQUEST_ID,
    "state": "done",
    "accepted": 2,
    "repeats": 0,
    "problems": 0,
}

#: Status, description and example of each response to a webhook.
ANSWERS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    (
        "200",
        "The body is committed to the database or synced to the spool, even if it is invalid.",
        _STORED,
    ),
    (
        "400",
        "Empty: nothing is stored. Neither a JSON object nor form fields: the request is stored "
        "and quarantined.",
        {"ok": False, "error": "empty", "expected": "a JSON object in the body"},
    ),
    (
        "403",
        "The secret is missing or wrong. Nothing is stored.",
        {"ok": False, "error": "forbidden", "expected": "the webhook URL with its secret"},
    ),
    (
        "413",
        "Larger than `MAX_BODY_BYTES`. Nothing is stored.",
        {"ok": False, "error": "too_large", "expected": "at most 10485760 bytes"},
    ),
    (
        "415",
        "`Content-Encoding` is not supported. The body is stored, and the request quarantined.",
        _STORED
        | {"ok": False, "state": "quarantined", "accepted": 0, "problems": 1}
        | {"errors": [{"path": "", "code": "content_encoding"}]},
    ),
    (
        "503",
        "Neither the database nor the spool could store the body. Nothing is stored.",
        {"ok": False, "error": "unavailable", "expected": "a retry later"},
    ),
)

_AT = datetime(2026, 5, 29, 10, 31, 7, 120_000, timezone.utc)
_DONE = _AT + timedelta(milliseconds=31)
_REQUEST = WebhookRequest(
    pk=3,
    token=UUID(_REQUEST_ID),
    kind=EventKind.DELIVERY_REPORT,
    state=RequestState.DONE,
    secret_label="demo",  # noqa: S106 - the name of a secret
    received_at=_AT,
    processed_at=_DONE,
    finished_at=_DONE + timedelta(milliseconds=12),
    receiver_seconds={"shop.receivers.on_status": 0.011},
    due_at=_DONE,
    event_count=1,
    attempts=1,
    content_type="application/json",
    remote_addr="192.0.2.7",
    body=json.dumps(WEBHOOKS[EventKind.DELIVERY_REPORT]).encode(),
)

_DAY = _AT.date()
_TRAFFIC = {
    "last_at": "2026-05-29T10:31:07.120000Z",
    "count": 1,
    "per_day": [{"day": _DAY, "count": 1}],
}
_STATISTICS: dict[str, Any] = {
    "days": 1,
    "since": _DAY,
    "kinds": {kind.value: _TRAFFIC for kind in EventKind} | {"filter_report": None},
    "messages": Funnel(submitted=1, delivered=1, read=0, failed=0, refunded=0),
    "deliveries": Deliveries(
        [Delivery("US", 1, 0, 1.0, 0.25)], [Delivery("8", 1, 0, 1.0, None)], False
    ),
    "conflicts": 0,
    "conversations": Conversations(2, 1, 1, 1, timedelta(seconds=75)),
    "errors": [Error("131026", "Message undeliverable", 2, 5)],
    "requests": {"received": 0, "stored": 0, "failing": 0, "quarantined": 1, "dead": 0},
    "waiting_since": None,
    "latencies": [Latency("", 1, 0.043, 0.043, 0.043, 0.043, 3)],
    "receivers": [],
    "channels": [{"channel": "8", "count": 1}],
}


def of(serializer: Any) -> list[OpenApiExample]:
    """Return the examples of a serializer, with and without personal data."""
    rows = {"usual": row(serializer), "without_view_personal_data": row(serializer, False)}
    if rows["without_view_personal_data"] == rows["usual"]:
        del rows["without_view_personal_data"]
    return [OpenApiExample(name, value) for name, value in rows.items()]


def row(serializer: Any, may_view: bool = True) -> dict[str, Any]:
    """Return a row as a serializer shows it, with or without personal data."""
    user = SimpleNamespace(has_perm=lambda name: may_view or name != VIEW_PERSONAL_DATA)
    events = {_REQUEST.pk: [_event(EventKind.DELIVERY_REPORT)]}
    context = {"request": SimpleNamespace(user=user), "events": events}
    shown: Any = get_class(serializer)(context=context)
    for field in shown.fields.values():
        if isinstance(field, DateTimeField):
            # The settings of the project have no effect.
            field.timezone, field.format = timezone.utc, ISO_8601
    return shown.to_representation(_instance(shown))


def change_feed() -> dict[str, Any]:
    """Return a page of the change feed."""
    followed = row(FollowedRequestSerializer)
    return {"next": "https://example.com/?after=eyJ9", "more": False, "results": [followed]}


def _instance(serializer: Any) -> Any:
    if not isinstance(serializer, RowSerializer):
        return _STATISTICS
    model = serializer.Meta.model
    if model is WebhookRequest:
        return _REQUEST
    if model is not Message:
        return _event(model.kind)
    report = _event(EventKind.DELIVERY_REPORT)
    message = Message.of(report, report.key)
    message.pk = 5
    message.absorb(report)
    return message


def _event(kind: EventKind) -> Any:
    """Return the event of a kind that the parser reads from its example."""
    payload = parse(json.dumps(WEBHOOKS[kind]).encode())
    event = payload.events[0]
    shared = {"pk": 7, "request": _REQUEST, "received_at": _AT, "project_id": payload.project_id}
    return MODELS[kind](**shared, index=event.index, extra=event.extra, **event.fields)
