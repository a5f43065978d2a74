"""Natural keys: two events with the same key are the same event.

A key is one readable text, so that a plain unique constraint works on every database and related
events stay close in its index. All characters except ``[0-9a-z.-]`` are percent-encoded, because
``A1`` equals ``a1`` in MariaDB's collations.
"""

from __future__ import annotations

import re
from hashlib import sha256

#: Length of a key's column.
MAX_LENGTH = 255

_READABLE = re.compile(r"[0-9a-z.:-]*")
_UNSAFE = re.compile(rb"[^0-9a-z.-]")


def delivery_report(project_id: str, msg_id: str, push_id: str, number: str, status: int) -> str:
    """Return the key of a delivery or filter report: one for each status of a message."""
    if msg_id:
        return _join(project_id, msg_id, str(status))
    return _join(project_id, "", push_id, number, str(status))


def message(project_id: str, msg_id: str) -> str:
    return _join(project_id, msg_id)


def push(project_id: str, push_id: str) -> str:
    return _join(project_id, push_id)


def group_member(project_id: str, group_id: str, number: str, ordinal: int) -> str:
    """Return the key of the n-th event of one member of one group, counted from 1.

    Group events have no identity of their own. If two workers store the same n, they collide on
    this key, and the loser counts again.
    """
    return _join(project_id, group_id, number, f"{ordinal:06}")


def new_subscriber(
    project_id: str, subscriber_id: str, number: str, channel: str, date: str
) -> str:
    """Return the key of a new subscriber; the number counts only if there is no subscriber ID."""
    return _join(project_id, subscriber_id, "" if subscriber_id else number, channel, date)


def chat_message(project_id: str, unique_id: str, direction: int, token: object, index: int) -> str:
    """Return the key of a chat message; without a unique ID it repeats only its own request."""
    if unique_id:
        return _join(project_id, unique_id, str(direction))
    return _join(project_id, "", str(direction), str(token), str(index))


def _join(*parts: str) -> str:
    key = ":".join(parts)
    if not _READABLE.fullmatch(key) or key.count(":") >= len(parts):
        key = ":".join(map(_encode, parts))
    if len(key) <= MAX_LENGTH:
        return key
    # No part contains a "#", so a digest never equals a readable key.
    return f"#{sha256(key.encode()).hexdigest()}"


def _encode(part: str) -> str:
    encoded = part.encode("utf-8", "surrogatepass")
    return _UNSAFE.sub(lambda byte: b"%%%02X" % ord(byte[0]), encoded).decode()
