"""The ids of rows, as people and programs write them."""

from __future__ import annotations

#: Every number with so many digits is an ID that all databases take.
_MAX_DIGITS = 18


def id_of(text: str) -> int | None:
    """Return the ID in a text, or ``None`` if the text is none: it takes only the digits 0 to 9."""
    is_id = text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS
    return int(text) if is_id else None
