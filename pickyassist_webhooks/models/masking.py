"""Mask personal data for people who may not see it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ..parsing.characters import visible

#: Replaces each hidden value; does not reveal its length.
HIDDEN = "•••"

#: How many last characters of a number are shown: enough to distinguish two.
SHOWN = 3

#: For each field with personal data, the function that masks it.
Masks = dict[str, Callable[[Any], str]]

# The id of an older WhatsApp group begins with its creator's number.
_CREATOR = re.compile(r"^\+?[0-9]{6,}(?=-)")


def number(value: str) -> str:
    """Return the mask and the last characters of a number."""
    return HIDDEN + visible(value)[-SHOWN:] if len(value) > 2 * SHOWN else HIDDEN


def group_id(value: str) -> str:
    """Return a group's id with its creator's number masked."""
    return _CREATOR.sub(lambda creator: number(creator[0]), visible(value))


def hidden(value: Any) -> str:
    """Return the mask for a text, a body or an object."""
    return HIDDEN
