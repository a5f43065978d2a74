"""Payloads as Picky Assist posts them: valid by default, and a test can change any field.

Field names are those of the vendor (its page "Event Webhook Variables"). Each call makes new ids,
in other processes too, because a repeated id is a repeat. The settings accept the project.
"""

from __future__ import annotations

import itertools
import uuid
from typing import Any

from django.utils import timezone

from ..conf import app_settings
from ..parsing.chat import spelling

Payload = dict[str, Any]

#: The project of a payload if the settings accept every project.
PROJECT_ID = "4100"

#: Part of every id of this process, and of no other process.
_MARK = uuid.uuid4().hex[:6].upper()
_numbers = itertools.count(1)


def delivery_report(*, status: Any = 1, **fields: Any) -> Payload:
    """Return event 1 with one row: a message was delivered, or has another ``status``.

    More fields: ``push_id``, ``number``, ``msg_id``, ``reference_number``, ``error_code``,
    ``error_message``, ``message``, ``channel_id`` and any other field of a row.
    """
    return _one_row(1, "M", {"status": status} | fields)


def filter_report(*, status: Any = 1, **fields: Any) -> Payload:
    """Return event 2 with one row: a number is on WhatsApp, or has another ``status``."""
    return _one_row(2, "F", {"status": status} | fields)


def group_member(*, action: Any = 1, **fields: Any) -> Payload:
    """Return event 3: someone joined a group (1) or left it (2).

    More fields: ``group_id``, ``group_subject``, ``number`` and ``application``.
    """
    number = next(_numbers)
    return {
        **_envelope(3),
        "action": action,
        "group_id": _id("G", number),
        "group_subject": "Book club",
        "number": _phone(number),
        "application": 10,
        **fields,
    }


def new_subscriber(**fields: Any) -> Payload:
    """Return event 4: someone wrote for the first time.

    More fields: ``subscriber_id``, ``mobile``, ``name``, ``email``, ``profile_pic``,
    ``channel``, ``message`` and ``date``, a text with an offset from UTC.
    """
    number = next(_numbers)
    return {
        **_envelope(4),
        "subscriber_id": _id("S", number),
        "mobile": _phone(number),
        "name": "Ada Example",
        "email": "ada@example.com",
        "profile_pic": "",
        "channel": "8",
        "message": "Hello",
        "date": timezone.now().isoformat(timespec="seconds"),
        **fields,
    }


def chat_message(**fields: Any) -> Payload:
    """Return a message of the Global Webhook: someone wrote to the project.

    More fields, with underscores for hyphens: ``number``, ``name``, ``message_in_raw`` or
    ``message_in``, ``application``, ``direction``, ``type``, ``unique_id``, ``project_id``,
    ``media_url``, ``group_id``, ``context_msg_id``, ``interactive``, ``payload``, ``location``
    and ``contact``.
    """
    number = next(_numbers)
    own = {spelling(name): value for name, value in fields.items()}
    # Picky Assist sends the text twice, and the raw one counts.
    text = {} if "message-in" in own else {"message_in_raw": "Hello"}
    return {
        "number": _phone(number),
        "name": "Ada Example",
        **text,
        "application": 8,
        "type": 1,
        "unique-id": str(uuid.uuid4().int)[:15],
        "project-id": app_settings.first_project or PROJECT_ID,
        "direction": 0,
        **own,
    }


def batch(*payloads: Payload) -> Payload:
    """Return one payload with the rows of several delivery reports, or of several filter reports.

    Raise ``ValueError`` if they differ in kind or project, or have no rows.
    """
    envelopes = [
        {name: payload[name] for name in payload if name != "data"} for payload in payloads
    ]
    if any("data" not in payload for payload in payloads):
        raise ValueError("expected delivery or filter reports; other events have no batches")
    if not payloads or envelopes != [envelopes[0]] * len(payloads):
        raise ValueError("expected one or more payloads of the same kind and project")
    return {**envelopes[0], "data": [row for payload in payloads for row in payload["data"]]}


def push_answer(*rows: Payload, status: Any = 100, **fields: Any) -> Payload:
    """Return what the Push API answers: it accepted a message for each row, or one by default.

    A row is a dict of the fields that matter, of ``msg_id``, ``number`` and ``credit``. More
    fields: ``push_id``, ``message``. Another ``status`` is a refusal.
    """
    numbers = [next(_numbers) for _ in rows or ({},)]
    return {
        "status": status,
        "push_id": _id("P", numbers[0]),
        "message": "Success",
        "data": [
            {"msg_id": _id("M", number), "number": _phone(number), "credit": "1", **row}
            for number, row in zip(numbers, rows or ({},), strict=True)
        ],
        **fields,
    }


def _one_row(event_id: int, letter: str, fields: dict[str, Any]) -> Payload:
    number = next(_numbers)
    envelope = _envelope(event_id)
    own = {name: fields.pop(name) for name in (*envelope, "data") if name in fields}
    row = {
        "push_id": _id("P", number),
        "number": _phone(number),
        "msg_id": _id(letter, number),
        "reference_number": f"ORD-{_MARK}-{number}",
    }
    return {**envelope, "data": [row | fields], **own}


def _envelope(event_id: int) -> Payload:
    return {"project_id": app_settings.first_project or PROJECT_ID, "event_id": event_id}


def _id(letter: str, number: int) -> str:
    return f"{letter}{_MARK}{number:06}"


def _phone(number: int) -> str:
    return f"1555{number:07}"
