"""Payloads as Picky Assist posts them: valid as they are, with any field as a test needs it.

Fields are named as the vendor names them (its page "Event Webhook Variables"). Ids are new with
each call, also of another process, because an id that was seen before is a repeat. The project is
one that the settings accept.
"""

from __future__ import annotations

import itertools
import uuid
from typing import Any

from django.utils import timezone

from ..conf import app_settings

Payload = dict[str, Any]

#: What a payload says of where it comes from, where the settings accept every project.
PROJECT_ID = "4100"

#: In every id of this process, and of no other.
_MARK = uuid.uuid4().hex[:6].upper()
_numbers = itertools.count(1)


def delivery_report(*, status: Any = 1, **fields: Any) -> Payload:
    """Return event 1 with one row: a message was delivered, or whatever ``status`` says.

    Further fields: ``push_id``, ``number``, ``msg_id``, ``reference_number``, ``error_code``,
    ``error_message``, ``message``, ``channel_id`` and whatever else a row may hold.
    """
    return _one_row(1, "M", {"status": status} | fields)


def filter_report(*, status: Any = 1, **fields: Any) -> Payload:
    """Return event 2 with one row: a number is on WhatsApp, or whatever ``status`` says."""
    return _one_row(2, "F", {"status": status} | fields)


def group_member(*, action: Any = 1, **fields: Any) -> Payload:
    """Return event 3: somebody joined a group (1) or left it (2).

    Further fields: ``group_id``, ``group_subject``, ``number`` and ``application``.
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
    """Return event 4: somebody wrote for the first time.

    Further fields: ``subscriber_id``, ``mobile``, ``name``, ``email``, ``profile_pic``,
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


def batch(*payloads: Payload) -> Payload:
    """Return one payload with the rows of several delivery reports, or of several filter reports.

    Raises ``ValueError`` where they are not of one kind and one project, or have no rows.
    """
    envelopes = [{name: each[name] for name in each if name != "data"} for each in payloads]
    if not payloads or envelopes != [envelopes[0]] * len(payloads):
        raise ValueError("expected payloads of one kind and one project, came several or none")
    if any("data" not in each for each in payloads):
        raise ValueError("expected delivery or filter reports, the other events come one by one")
    return {**envelopes[0], "data": [row for each in payloads for row in each["data"]]}


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
