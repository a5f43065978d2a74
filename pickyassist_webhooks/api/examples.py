"""Realistic examples of responses and of each resource."""

from __future__ import annotations

from typing import Any

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

_EVENT: dict[str, Any] = {
    "id": 7,
    "project_id": "4100",
    "request": 3,
    "index": 0,
    "received_at": "2026-05-29T10:31:07.120000Z",
}
_REPORT: dict[str, Any] = {
    **_EVENT,
    "push_id": "700001",
    "number": "15550001111",
    "msg_id": "900001",
    "status": 1,
    "status_label": "delivered",
    "reference_number": "ORD-1",
    "error_code": "",
    "error_message": "",
}
_DELIVERY: dict[str, Any] = {
    **_REPORT,
    "previous_status": 4,
    "message": "Your order is on its way",
    "message_type": "text",
    "media": "",
    "channel": "8",
    "agent_id": "",
    "template_id": "",
    "source": "",
    "extra": {},
}
_REQUEST: dict[str, Any] = {
    "id": 3,
    "token": _REQUEST_ID,
    "kind": "delivery_report",
    "kind_label": "delivery report",
    "state": "done",
    "state_label": "done",
    "secret_label": "demo",
    "origin": "webhook",
    "received_at": "2026-05-29T10:31:07.120000Z",
    "processed_at": "2026-05-29T10:31:07.151000Z",
    "erased_at": None,
    "event_count": 1,
    "repeat_count": 0,
    "problem_count": 0,
    "attempts": 1,
    "replays": 0,
    "due_at": "2026-05-29T10:31:07.151000Z",
}
_COUNT = {"last_at": None, "count": 0, "per_day": [{"day": "2026-05-29", "count": 0}]}
_TALK = {"received": 2, "sent": 1, "questions": 1, "answered": 1, "seconds_to_answer": 75.0}

#: One row of each resource, by schema name.
ROWS: dict[str, dict[str, Any]] = {
    "WebhookRequest": _REQUEST,
    "WebhookRequestDetail": {
        **_REQUEST,
        "problems": [],
        "warnings": [],
        "error": "",
        "content_type": "application/json",
        "content_encoding": "",
        "query": "",
        "remote_addr": "192.0.2.7",
        "body": "eyJwcm9qZWN0X2lkIjogIjQxMDAiLCAiZXZlbnRfaWQiOiAxfQ==",
    },
    "FollowedRequest": {**_REQUEST, "events": [_DELIVERY]},
    "DeliveryReport": _DELIVERY,
    "FilterReport": {**_REPORT, "status_label": "WhatsApp number", "extra": {}},
    "GroupMemberEvent": {
        **_EVENT,
        "action": 1,
        "action_label": "joined",
        "group_id": "120363041234567890@g.us",
        "group_subject": "Team",
        "number": "15550001111",
        "channel": "8",
        "extra": {},
    },
    "NewSubscriber": {
        **_EVENT,
        "subscriber_id": "ZZ100",
        "number": "15550001111",
        "name": "Ada",
        "email": "ada@example.com",
        "profile_pic": "https://example.com/ada.jpg",
        "channel": "8",
        "message": "hi",
        "date": "2026-05-29T10:31:06Z",
        "date_text": "2026-05-29T16:01:06+05:30",
        "extra": {},
    },
    "ChatMessage": {
        **_EVENT,
        "direction": 0,
        "direction_label": "received",
        "unique_id": "880000001",
        "number": "15550001111",
        "name": "Ada",
        **dict.fromkeys(("messenger_id", "media", "group_id", "group_subject", "reply_id"), ""),
        "text": "Yes, please",
        "content": "reply",
        "content_label": "reply to buttons or a list",
        "type": "9",
        "channel": "8",
        "context_msg_id": "900001",
        **{"reply_description": "", "payload": "yes"},
        **{"location": None, "contacts": [], "mentions": []},
        "extra": {},
    },
    "Message": {
        "id": 5,
        "project_id": "4100",
        "msg_id": "900001",
        "push_id": "700001",
        "number": "15550001111",
        "country": "US",
        "reference_number": "ORD-1",
        "channel": "8",
        "status": 1,
        "status_label": "delivered",
        "first_reported_at": "2026-05-29T10:31:05.907000Z",
        "changed_at": "2026-05-29T10:31:07.120000Z",
        "delivered": True,
        "failed_seen": False,
        "refunded": False,
        "conflict": False,
        **{"error_code": "", "error_message": "", "error_explanation": ""},
    },
    "Statistics": {
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
    },
}

_MASKED = {
    "number": "•••111",
    "message": "•••",
    "name": "•••",
    "email": "•••",
    "profile_pic": "•••",
    "text": "•••",
    "payload": "•••",
    "extra": None,
    "body": None,
}


def masked(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row as shown without the permission to view personal data."""
    return row | {name: _MASKED[name] for name in row.keys() & _MASKED if row[name]}
