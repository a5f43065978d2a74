"""Personal data as it is shown to those who may not see it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from .characters import visible

#: What stands for everything that is hidden, so that not even a length is told.
HIDDEN = "•••"

#: Characters shown of a number, from its end: enough to tell two of them apart.
SHOWN = 3

#: How each field with personal data is shown to those who may not see it.
Masks = dict[str, Callable[[Any], str]]

# The id of an older WhatsApp group begins with the number of whoever made it.
_CREATOR = re.compile(r"^\+?[0-9]{6,}(?=-)")


def number(value: str) -> str:
    """Return the last characters of a number."""
    return HIDDEN + visible(value)[-SHOWN:] if len(value) > 2 * SHOWN else HIDDEN


def group_id(value: str) -> str:
    """Return a group's id without the number of whoever made it."""
    return _CREATOR.sub(lambda creator: number(creator[0]), visible(value))


def hidden(value: Any) -> str:
    """Return what stands for a text, a body or an object that is not shown at all."""
    return HIDDEN
