"""Realistic examples of webhooks."""

from __future__ import annotations

from typing import Any

from ..choices import EventKind

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
