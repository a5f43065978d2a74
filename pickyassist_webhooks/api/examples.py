"""Examples of responses and of each resource, made by the parser and the serializers."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from rest_framework import ISO_8601
from rest_framework.fields import DateTimeField

from ..choices import EventKind, RequestState
from ..models import MODELS, Message, WebhookRequest
from ..parsing.payloads import parse
from ..permissions import VIEW_PERSONAL_DATA
from . import request_serializers
from .example_payloads import WEBHOOKS
from .serializers import EVENTS, MessageSerializer

_REQUEST_ID = "1b4e28ba-2fa1-4d3b-a3f5-ef19b5a7633b"

#: Status, description, component and example of each response to a webhook.
ANSWERS: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    (
        "200",
        "The body is committed to the database or synced to the spool, even if it is invalid.",
        "WebhookAnswer",
        {
            "ok": True,
            "id": _REQUEST_ID,
            "state": "done",
            "accepted": 2,
            "repeats": 0,
            "problems": 0,
        },
    ),
    (
        "400",
        "Empty: nothing is stored. Neither a JSON object nor form fields: the request is stored "
        "and quarantined.",
        "WebhookRefusal",
        {"ok": False, "error": "empty", "expected": "a JSON object in the body"},
    ),
    (
        "403",
        "The secret is missing or wrong. Nothing is stored.",
        "WebhookRefusal",
        {"ok": False, "error": "forbidden", "expected": "the webhook URL with its secret"},
    ),
    (
        "413",
        "Larger than `MAX_BODY_BYTES`. Nothing is stored.",
        "WebhookRefusal",
        {"ok": False, "error": "too_large", "expected": "at most 10485760 bytes"},
    ),
    (
        "415",
        "`Content-Encoding` is not supported. The body is stored, and the request quarantined.",
        "WebhookAnswer",
        {
            "ok": False,
            "id": _REQUEST_ID,
            "state": "quarantined",
            "accepted": 0,
            "repeats": 0,
            "problems": 1,
            "errors": [{"path": "", "code": "content_encoding"}],
        },
    ),
    (
        "503",
        "Neither the database nor the spool could store the body. Nothing is stored.",
        "WebhookRefusal",
        {"ok": False, "error": "unavailable", "expected": "a retry later"},
    ),
)

_COUNT = {"last_at": None, "count": 0, "per_day": [{"day": "2026-05-29", "count": 0}]}
_TALK = {"received": 2, "sent": 1, "questions": 1, "answered": 1, "seconds_to_answer": 75.0}

_STATISTICS: dict[str, Any] = {
    "days": 1,
    "since": "2026-05-29",
    "kinds": {
        "delivery_report": {
            "last_at": "2026-05-29T10:31:07.120000Z",
            "count": 1,
            "per_day": [{"day": "2026-05-29", "count": 1}],
        },
        "filter_report": None,
        "group_member": _COUNT,
        "new_subscriber": _COUNT,
        "chat_message": _COUNT,
    },
    "messages": {
        "submitted": 1,
        "delivered": 1,
        "read": 0,
        "failed": 0,
        "refunded": 0,
        "accepted": 0,
    },
    "conflicts": 0,
    "conversations": _TALK,
    "errors": [
        {
            "error_code": "470",
            "error_explanation": "",
            "error_message": "More than # hours",
            "count": 2,
        }
    ],
    "requests": {"received": 0, "stored": 0, "failing": 0, "quarantined": 1, "dead": 0},
    "waiting_since": None,
    "receivers": [],
    "channels": [{"channel": "8", "count": 1}],
}

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


def row(schema: str, may_view: bool = True) -> dict[str, Any]:
    """Return a row of a resource, by schema name, with or without personal data."""
    if schema == "Statistics":
        return _STATISTICS
    serializer = _SERIALIZERS[schema](context=_context(may_view))
    for field in serializer.fields.values():
        if isinstance(field, DateTimeField):
            # The settings of the project have no effect.
            field.timezone, field.format = timezone.utc, ISO_8601
    row: dict[str, Any] = serializer.to_representation(_instance(schema))
    return row


def _context(may_view: bool) -> dict[str, Any]:
    user = SimpleNamespace(has_perm=lambda name: may_view or name != VIEW_PERSONAL_DATA)
    return {
        "request": SimpleNamespace(user=user),
        "events": {_REQUEST.pk: [_event(EventKind.DELIVERY_REPORT)]},
    }


def _instance(schema: str) -> Any:
    if schema == "Message":
        report = _event(EventKind.DELIVERY_REPORT)
        message = Message.of(report, report.key)
        message.pk = 5
        message.absorb(report)
        return message
    kinds = {model.__name__: kind for kind, model in MODELS.items()}
    return _event(kinds[schema]) if schema in kinds else _REQUEST


def _event(kind: str) -> Any:
    """Return the event of a kind that the parser reads from its example."""
    payload = parse(json.dumps(WEBHOOKS[EventKind(kind)]).encode())
    event = payload.events[0]
    shared = {"pk": 7, "request": _REQUEST, "received_at": _AT, "project_id": payload.project_id}
    return MODELS[kind](**shared, index=event.index, extra=event.extra, **event.fields)


_SERIALIZERS: dict[str, Any] = {
    "WebhookRequest": request_serializers.WebhookRequestSerializer,
    "WebhookRequestDetail": request_serializers.WebhookRequestDetailSerializer,
    "FollowedRequest": request_serializers.FollowedRequestSerializer,
    "Message": MessageSerializer,
    **{model.__name__: EVENTS[kind] for kind, model in MODELS.items()},
}
