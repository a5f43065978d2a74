"""Characters that a database cannot hold, and characters that a person cannot see."""

from __future__ import annotations

import re

# What one of the databases cannot hold: NUL, and halves of surrogate pairs.
UNSTORABLE = re.compile("[\0\ud800-\udfff]")

# What shows as nothing, turns the rest of a line around, or makes the page itself fail: control
# characters, marks of direction and of zero width, line separators, halves of surrogate pairs.
# Joiners stay: emoji and half of India's scripts are written with them.
UNSEEN = re.compile(
    "[\0-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ud800-\udfff]"
)

#: Characters kept of the label of a secret.
MAX_LABEL = 100

_NOT_PRINTABLE_ASCII = re.compile(r"[^\x20-\x7e]")


def printable(text: str, length: int = 255) -> str:
    """Return text that no database can refuse: printable ASCII, cut to ``length`` characters."""
    return _NOT_PRINTABLE_ASCII.sub("?", text)[:length]


def storable(text: str) -> str:
    """Return text in which U+FFFD stands for what one of the databases cannot hold."""
    return UNSTORABLE.sub("\ufffd", text)


def visible(text: str) -> str:
    r"""Return text in one line, in which what cannot be seen is written as ``\uXXXX``."""
    return UNSEEN.sub(escaped, text)


def escaped(match: re.Match[str]) -> str:
    """Return a character as JSON would escape it."""
    return f"\\u{ord(match[0]):04x}"
