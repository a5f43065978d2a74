"""One sample of each of the four events, in the vendor's shape and with invented data."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from django.db.models import Model
from django.utils import timezone

from pickyassist_webhooks.models import (
    DeliveryReport,
    FilterReport,
    GroupMemberEvent,
    NewSubscriber,
)


@dataclass(frozen=True)
class Sample:
    """A payload, the row it should become, and the receivers that should hear of it."""

    name: str
    payload: dict[str, Any]
    model: type[Model]
    lookup: dict[str, str]
    receivers: tuple[str, ...]


def fresh_samples() -> list[Sample]:
    """Return samples with new ids: the app takes one it has seen before for a repeat."""
    mark = uuid.uuid4().hex[:12].upper()
    number = "15550001111"
    return [
        Sample(
            "delivery report",
            {
                "project_id": "4100",
                "event_id": 1,
                "data": [
                    {
                        "push_id": f"P{mark}",
                        "number": number,
                        "msg_id": f"M{mark}",
                        "status": "1",
                        "reference_number": f"ORD-{mark}",
                    }
                ],
            },
            DeliveryReport,
            {"msg_id": f"M{mark}"},
            ("log_report", "follow_message"),
        ),
        Sample(
            "filter report",
            {
                "project_id": "4100",
                "event_id": 2,
                "data": [
                    {"push_id": f"P{mark}", "number": number, "msg_id": f"F{mark}", "status": "1"}
                ],
            },
            FilterReport,
            {"msg_id": f"F{mark}"},
            ("note_verdict",),
        ),
        Sample(
            "group member",
            {
                "project_id": "4100",
                "event_id": 3,
                "action": 1,
                "group_id": f"G{mark}",
                "group_subject": "Book club",
                "number": number,
                "application": 10,
            },
            GroupMemberEvent,
            {"group_id": f"G{mark}"},
            ("count_members",),
        ),
        Sample(
            "new subscriber",
            {
                "project_id": "4100",
                "event_id": 4,
                "subscriber_id": f"S{mark}",
                "mobile": number,
                "name": "Ada Example",
                "email": "ada@example.com",
                "profile_pic": "",
                "channel": "8",
                "message": "Hello",
                "date": timezone.now().isoformat(timespec="seconds"),
            },
            NewSubscriber,
            {"subscriber_id": f"S{mark}"},
            ("welcome",),
        ),
    ]
