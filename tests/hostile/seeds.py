"""Valid vendor payloads of every kind, to be mutated."""

from __future__ import annotations

import base64
import json
from typing import Any

from tests.cases import CASES
from tests.requests import chat, delivery, filtered, member, row, subscriber

#: Part of the texts and keys of requests; no answer may contain it.
CANARY = "canaryQz7"

IDS = {
    *("project_id", "push_id", "msg_id", "group_id", "subscriber_id", "number", "mobile"),
    *("project-id", "unique-id", "context-msg-id", "group-id", "messenger_id"),
}
#: Fields that are not marked, so that the payload stays valid.
_KEPT = {"event_id", "status", "action", "date", "data", "direction", "type"}


class Pairs(list[Any]):
    """A JSON object as a list of ``[key, value]``; keys may repeat."""


class Raw(str):
    """A literal that is written into the JSON unchanged."""

    __slots__ = ()


_FIELDS = {
    "reference_number": "ORD-1",
    "error_code": "470",
    "error_message": "Not on WhatsApp",
    "message": "Your order is on the way",
    "message_type": "Image",
    "media": "https://cdn.example/x.jpeg",
    "channel_id": "122",
    "agent_id": "7001",
    "template_id": "AB123",
    "source": "Teambox",
}


def _read(text: str | bytes) -> Any:
    pairs = lambda items: Pairs(map(list, items))  # noqa: E731
    return json.loads(text, object_pairs_hook=pairs, strict=False)


def _built() -> list[Any]:
    """Return the most common payloads."""
    batch = [row(f"90000{number}", status, **_FIELDS) for number, status in enumerate("41325")]
    payloads = [
        delivery(*batch[:1]),
        delivery(*batch),
        delivery(data=dict(enumerate(batch))),
        delivery(data=json.dumps(batch)),
        filtered(*batch),
        member(1),
        member(2),
        subscriber(name="Asha", email="asha@example.com", profile_pic="https://cdn.example/a.jpeg"),
        chat(message_in="Is+5+%2B+5+ok%3F"),
        chat(
            direction=1, type="2", media_url="https://cdn.example/a.jpeg", context_msg_id="900001"
        ),
        chat(type=9, interactive={"type": 2, "id": "yes", "description": "Yes"}, payload="yes"),
        chat(number="Team @Ada / 15550001111", group_id="A41", group_mentions=["15550003333"]),
        chat(number="", messenger_id="7000000000001", location={"lat": 12.5, "name": "Depot"}),
        chat(type="7", contact=[{"first_name": "Ada", "phone": "+1 555 000 2222", "city": None}]),
    ]
    return [_read(json.dumps(payload)) for payload in payloads]


def _recorded() -> tuple[list[Any], list[bytes]]:
    """Return the recorded payloads: the parsed JSON ones, and the bodies of forms."""
    payloads, forms = [], []
    for case in CASES:
        body = base64.b64decode(case["body_b64"])
        if case["expect"]["status_class"] != "2xx" or not body:
            continue
        if case["content_type"] == "application/json":
            payloads.append(_read(body))
        else:
            forms.append(body)
    return payloads, forms


BUILT = _built()
RECORDED, FORMS = _recorded()


def marked(value: Any, number: int, key: str = "") -> Any:
    """Return a copy with new ids, and the canary in its texts."""
    if isinstance(value, Pairs):
        return Pairs([name, marked(item, number, name)] for name, item in value)
    if isinstance(value, list):
        return [marked(item, number, key) for item in value]
    if key in _KEPT or isinstance(value, bool | float) or value in (None, ""):
        return value
    if isinstance(value, int):
        return int(f"{value}{number}")
    return f"{value}{number}" if key in IDS else f"{value}{CANARY}"


def written(value: Any, *, escaped: bool = True) -> str:
    """Return the JSON of a payload; if not ``escaped``, with non-ASCII characters."""
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, Pairs):
        items = (f"{written(k, escaped=escaped)}:{written(v, escaped=escaped)}" for k, v in value)
        return "{" + ",".join(items) + "}"
    if isinstance(value, list):
        return "[" + ",".join(written(item, escaped=escaped) for item in value) + "]"
    return json.dumps(value, ensure_ascii=escaped)
