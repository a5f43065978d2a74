"""Payloads as Picky Assist posts them: valid as they are, with any field as a test needs it.

Fields are named as the vendor names them (its page "Event Webhook Variables"). Ids are new with
each call, because an id that was seen before is a repeat.
"""

from __future__ import annotations

import itertools
from typing import Any

from django.utils import timezone

Payload = dict[str, Any]

#: What every payload says of where it comes from, unless a test says otherwise.
PROJECT_ID = "4100"

_numbers = itertools.count(1)


def delivery_report(*, status: Any = 1, project_id: Any = PROJECT_ID, **fields: Any) -> Payload:
    """Return event 1 with one row: a message was delivered, or whatever ``status`` says.

    Further fields: ``push_id``, ``number``, ``msg_id``, ``reference_number``, ``error_code``,
    ``error_message``, ``message``, ``channel_id`` and whatever else a row may hold.
    """
    return _batch(1, project_id, _report("M") | {"status": status} | fields)


def filter_report(*, status: Any = 1, project_id: Any = PROJECT_ID, **fields: Any) -> Payload:
    """Return event 2 with one row: a number is on WhatsApp, or whatever ``status`` says."""
    return _batch(2, project_id, _report("F") | {"status": status} | fields)


def group_member(*, action: Any = 1, project_id: Any = PROJECT_ID, **fields: Any) -> Payload:
    """Return event 3: somebody joined a group (1) or left it (2).

    Further fields: ``group_id``, ``group_subject``, ``number`` and ``application``.
    """
    number = next(_numbers)
    return {
        "project_id": project_id,
        "event_id": 3,
        "action": action,
        "group_id": f"G{number:06}",
        "group_subject": "Book club",
        "number": _phone(number),
        "application": 10,
        **fields,
    }


def new_subscriber(*, project_id: Any = PROJECT_ID, **fields: Any) -> Payload:
    """Return event 4: somebody wrote for the first time.

    Further fields: ``subscriber_id``, ``mobile``, ``name``, ``email``, ``profile_pic``,
    ``channel``, ``message`` and ``date``, a text with an offset from UTC.
    """
    number = next(_numbers)
    return {
        "project_id": project_id,
        "event_id": 4,
        "subscriber_id": f"S{number:06}",
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


def _batch(event_id: int, project_id: Any, row: dict[str, Any]) -> Payload:
    return {"project_id": project_id, "event_id": event_id, "data": [row]}


def _report(letter: str) -> dict[str, Any]:
    number = next(_numbers)
    return {
        "push_id": "P000001",
        "number": _phone(number),
        "msg_id": f"{letter}{number:06}",
        "reference_number": f"ORD-{number}",
    }


def _phone(number: int) -> str:
    return f"1555{number:07}"
