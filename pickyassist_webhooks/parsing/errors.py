"""Errors of messages, without the numbers in them: so that equal ones can be counted."""

from __future__ import annotations

import re

#: Characters of a group: a code and the beginning of a text.
MAX_GROUP = 255

#: Replaces each number and each id with digits.
NUMBER = "#"

# Only at the start of a word: a long word without digits is read twice at most.
_WITH_DIGITS = re.compile(r"(?<!\w)(?=\w*\d)\w+")
# One number: with its sign, unless the sign joins words, and with separators of thousands.
_NEIGHBOURS = re.compile(rf"(?:\+|(?<![\w)-])-)?{NUMBER}(?:(?:[ .()-]+|,){NUMBER})*")


def without_numbers(text: str) -> str:
    """Return a text in one line, with ``#`` in place of each number and each id with digits."""
    return _NEIGHBOURS.sub(NUMBER, _WITH_DIGITS.sub(NUMBER, " ".join(text.split())))


def group_of(code: str, text: str) -> str:
    """Return the text that errors with this code share, if they differ only in numbers."""
    return f"{code} {without_numbers(text)}"[:MAX_GROUP]


def text_of(group: str, code: str) -> str:
    """Return the text without numbers, or its beginning, of a group with this code."""
    return group[len(code) + 1 :]
