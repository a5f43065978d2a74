"""Bodies to post: batches of new events, in the vendor's format and in that of django-anymail."""

from __future__ import annotations

import itertools
import json
import random
from typing import Any

#: Far above the ids of the existing rows.
_numbers = itertools.count(10**10)
_STATUSES = ("4", "1", "2", "1")


def new(size: int) -> list[int]:
    """Return the numbers of ``size`` new messages."""
    return list(itertools.islice(_numbers, size))


def batch(numbers: list[int]) -> bytes:
    """Return one complete delivery report for each message."""
    data = [_row(number) for number in numbers]
    return json.dumps({"project_id": "project-1", "event_id": 1, "data": data}).encode()


def _row(number: int) -> dict[str, Any]:
    return {
        "push_id": f"push-{number // 1000}",
        "number": _phone(number),
        "msg_id": f"wamid.{number:012}",
        "status": _STATUSES[number % len(_STATUSES)],
        "reference_number": f"order-{number}",
        "error_code": "",
        "error_message": "",
        "message": "Your order is on its way, and should be with you tomorrow.",
        "message_type": "text",
        "media": "",
        "channel_id": "8",
        "agent_id": "",
        "template_id": "order_shipped",
        "source": "api",
    }


def chat(numbers: list[int]) -> bytes:
    """Return one chat message, with the fields that the vendor always sends."""
    [number] = numbers
    text = "Is it on its way? I shall be at home tomorrow."
    message = {
        "number": _phone(number),
        "name": "Ada",
        "message-in": text.replace(" ", "+").replace("?", "%3F"),
        "message_in_raw": text,
        "application": 8,
        "type": 1,
        "unique-id": str(number),
        "project-id": "project-1",
        "direction": 0,
    }
    return json.dumps(message).encode()


def tracking(numbers: list[int]) -> bytes:
    """Return as many events in the format of SparkPost, which sends batches too."""
    return json.dumps([{"msys": {"message_event": _event(number)}} for number in numbers]).encode()


def _event(number: int) -> dict[str, Any]:
    return {
        "type": "delivery",
        "event_id": f"{number:012}",
        "transmission_id": f"wamid.{number:012}",
        "raw_rcpt_to": _phone(number),
        "campaign_id": f"push-{number // 1000}",
        "timestamp": "1764000000",
        "rcpt_meta": {"reference_number": f"order-{number}"},
        "subject": "Your order is on its way, and should be with you tomorrow.",
        "template_id": "order_shipped",
    }


def _phone(number: int) -> str:
    return f"49152{random.Random(number).randrange(10**8):08}"
