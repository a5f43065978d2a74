"""The values of one JSON object, read tolerantly. Pure: no settings, no database.

Only an identity that is missing, of a wrong type or too long is refused. Whatever else does not
fit is mended, and then what came is kept beside it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from .characters import UNSTORABLE, storable
from .decoding import NumberText, ObjectWithRepeatedKeys
from .exceptions import PickyAssistError

#: Characters of an id, and of a short text.
MAX_LENGTH = 255

#: Problems, and warnings, listed of one body, however many rows it has.
MAX_PROBLEMS = 1000

_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_POSITION = re.compile(r"\[[0-9]+\]")
_INT64 = range(-(2**63), 2**63)


@dataclass(frozen=True)
class Problem:
    """Where something was not understood (or was mended), a code for it, what was expected.

    ``path`` holds positions and the vendor's own field names, never a sender's key.
    """

    path: str
    code: str
    expected: str

    @property
    def group(self) -> str:
        """What requests with this problem have in common: the code, and the path of any row."""
        return f"{self.code} {_POSITION.sub('[]', self.path)}".rstrip()


class NotUnderstood(PickyAssistError, ValueError):
    """Raised where a payload, or one of its rows, cannot become events."""

    def __init__(self, path: str, code: str, expected: str) -> None:
        super().__init__(f"expected {expected} at {path!r}, came: {code}")
        self.problem = Problem(path, code, expected)


class Fields:
    """Reads the fields of one object and remembers what it mended."""

    def __init__(self, source: Any, path: str, warnings: list[Problem]) -> None:
        self.source = source
        self.path = f"{path}." if path else ""
        self.warnings = warnings
        self.mended: dict[str, Any] = {}
        if isinstance(source, ObjectWithRepeatedKeys):
            self.warn(path, "repeated_key", "each key once; the last one counts")

    def identifier(self, name: str) -> str:
        """Return an id: a text or a whole number of at most 255 characters, blank if absent."""
        value = self.source.get(name)
        if value is None:
            return ""
        if isinstance(value, bool | NumberText) or not isinstance(value, str | int):
            raise NotUnderstood(self.path + name, "wrong_type", "a text or a whole number")
        text = str(value).strip()
        if len(text) > MAX_LENGTH:
            raise NotUnderstood(self.path + name, "too_long", f"at most {MAX_LENGTH} characters")
        if UNSTORABLE.search(text):
            raise NotUnderstood(self.path + name, "unreadable", "text without NUL or surrogates")
        return text

    def integer(self, name: str) -> int:
        """Return a code. ASCII digits only: ``int()`` takes far more than a sender means."""
        value = self.source.get(name)
        if isinstance(value, str) and _INTEGER.fullmatch(value.strip()):
            value = int(value)
        if value is None or value == "":
            raise NotUnderstood(self.path + name, "missing", "a whole number")
        if not isinstance(value, int) or isinstance(value, bool) or value not in _INT64:
            raise NotUnderstood(self.path + name, "not_an_integer", "a whole number of 64 bits")
        return value

    def text(self, name: str) -> str:
        """Return a text as it came, with what no database can hold replaced."""
        value = self.source.get(name)
        if value is None:
            return ""
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            self._mend(name, "blanked", "a text")
            return ""
        text = str(value)
        if UNSTORABLE.search(text):
            self.warn(self.path + name, "replaced", "text without NUL or surrogates")
            text = storable(text)
        return text

    def short(self, name: str) -> str:
        """Return a text cut to 255 characters; the whole of it then stays in ``extra``."""
        text = self.text(name)
        if len(text) > MAX_LENGTH:
            self._mend(name, "cut", f"at most {MAX_LENGTH} characters")
        return text[:MAX_LENGTH]

    def word(self, name: str) -> str:
        """Return a short text without white space around it: a number, a reference, a channel."""
        return self.short(name).strip()

    def missing(self, name: str, expected: str) -> NotUnderstood:
        return NotUnderstood(self.path + name, "missing", expected)

    def _mend(self, name: str, code: str, expected: str) -> None:
        self.mended[name] = self.source[name]
        self.warn(self.path + name, code, expected)

    def warn(self, path: str, code: str, expected: str) -> None:
        """Remember what was mended, or left where it came."""
        if len(self.warnings) < MAX_PROBLEMS:
            self.warnings.append(Problem(path, code, expected))


#: What each way of reading makes of a plain text: printable ASCII, mostly, and not too long.
PLAIN: dict[Any, Callable[[str], str]] = {
    Fields.identifier: str.strip,
    Fields.word: str.strip,
    Fields.text: str,
    Fields.short: str,
}

_DATE = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})"
    r"(?:[.,]([0-9]{1,9}))?\s?(?:[Zz]|([+-][0-9]{2}):?([0-5][0-9]))"
)
# A form decoder reads the offset's plus sign as a blank.
_EATEN_PLUS = re.compile(r" (?=[0-9]{2}:?[0-9]{2}\Z)")


def parse_date(text: str) -> datetime | None:
    """Return the moment in UTC of an ISO 8601 date with an offset, or ``None``.

    Years outside of 1900 to 9998 are no date of a subscriber, and overflow in some time zone.
    """
    match = _DATE.fullmatch(_EATEN_PLUS.sub("+", text))
    if match is None:
        return None
    *numbers, fraction, hours, minutes = match.groups()
    year, month, day, hour, minute, second = map(int, numbers)
    microsecond = int(((fraction or "") + "000000")[:6])
    sign = -1 if (hours or "").startswith("-") else 1
    offset = sign * timedelta(hours=abs(int(hours or 0)), minutes=int(minutes or 0))
    try:
        local = datetime(year, month, day, hour, minute, second, microsecond, timezone(offset))
        moment = local.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None
    return moment if 1900 <= moment.year <= 9998 else None
