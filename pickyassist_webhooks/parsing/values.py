"""The values of one JSON object, read tolerantly.

An identity is refused if it is missing, of a wrong type or too long. Any other invalid value is
replaced, and the original value is kept next to it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from ..exceptions import PickyAssistError
from .characters import UNSTORABLE, storable
from .literals import NumberText

#: Maximum length of an id, and of a short text.
MAX_LENGTH = 255
#: Maximum characters of one JSON value outside of the texts. Escaped for JSON and SQL it can be
#: seven times as long, and MariaDB refuses a statement of more than ``max_allowed_packet``.
MAX_JSON = 100_000
#: Maximum number of problems, and of warnings, listed for one body.
MAX_PROBLEMS = 1000

_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_POSITION = re.compile(r"\[[0-9]+\]")
_INT64 = range(-(2**63), 2**63)


@dataclass(frozen=True)
class Problem:
    """The path of an invalid (or replaced) value, a code for it, and the expected value.

    ``path`` contains positions and the vendor's field names, never a sender's key.
    """

    path: str
    code: str
    expected: str

    @property
    def group(self) -> str:
        """The code and the path without row positions: requests with the same problem share it."""
        return f"{self.code} {_POSITION.sub('[]', self.path)}".rstrip()


class InvalidPayload(PickyAssistError, ValueError):
    """Raised if a payload, or one of its rows, cannot become events."""

    def __init__(self, path: str, code: str, expected: str) -> None:
        super().__init__(f"expected {expected} at {path!r}, got: {code}")
        self.problem = Problem(path, code, expected)


class FieldReader:
    """Reads the fields of one object and remembers the values that it replaced.

    Raises ``InvalidPayload`` if it is not an object.
    """

    def __init__(self, source: Any, path: str, warnings: list[Problem]) -> None:
        if not isinstance(source, dict):
            raise InvalidPayload(path, "wrong_type", "an object")
        self.source = source
        self.path = f"{path}." if path else ""
        self.warnings = warnings
        self.replaced: dict[str, Any] = {}
        if getattr(source, "has_repeated_keys", False):
            self.warn("", "repeated_key", "each key once; the last one counts")

    def identifier(self, name: str) -> str:
        """Return an id: a text or a whole number of at most 255 characters, blank if missing."""
        value = self.source.get(name)
        if value is None:
            return ""
        if isinstance(value, bool | NumberText) or not isinstance(value, str | int):
            raise InvalidPayload(self.path + name, "wrong_type", "a text or a whole number")
        text = str(value).strip()
        if len(text) > MAX_LENGTH:
            raise InvalidPayload(self.path + name, "too_long", f"at most {MAX_LENGTH} characters")
        if UNSTORABLE.search(text):
            raise InvalidPayload(self.path + name, "unreadable", "text without NUL or surrogates")
        return text

    def integer(self, name: str) -> int:
        """Return a code. ASCII digits only: ``int()`` accepts far more than a sender means."""
        value = self.source.get(name)
        if isinstance(value, str) and _INTEGER.fullmatch(value.strip()):
            value = int(value)
        if value is None or value == "":
            raise InvalidPayload(self.path + name, "missing", "a whole number")
        if not isinstance(value, int) or isinstance(value, bool) or value not in _INT64:
            raise InvalidPayload(self.path + name, "not_an_integer", "a whole number of 64 bits")
        return value

    def text(self, name: str) -> str:
        """Return a text; another value is blanked."""
        value = self.source.get(name)
        if isinstance(value, bool | dict | list):
            self.replaced[name] = value
            self.warn(name, "blanked", "a text")
            value = None
        return self.storable(name, "" if value is None else str(value))

    def storable(self, name: str, text: str) -> str:
        """Return a text of this field; characters that some database cannot hold are replaced."""
        if UNSTORABLE.search(text):
            self.warn(name, "replaced", "text without NUL or surrogates")
            text = storable(text)
        return text

    def short(self, name: str) -> str:
        """Return a text cut to 255 characters; ``extra`` keeps the full text if it is longer."""
        text = self.text(name)
        if len(text) > MAX_LENGTH:
            self.replaced[name] = self.source[name]
            self.warn(name, "cut", f"at most {MAX_LENGTH} characters")
        return text[:MAX_LENGTH]

    def word(self, name: str) -> str:
        """Return a short text without white space around it: a number, a reference, a channel."""
        return self.short(name).strip()

    def missing(self, name: str, expected: str) -> InvalidPayload:
        return InvalidPayload(self.path + name, "missing", expected)

    def warn(self, name: str, code: str, expected: str) -> None:
        """Remember a value that was replaced; without a name, the object was not read fully."""
        if len(self.warnings) < MAX_PROBLEMS:
            path = (self.path + name).removesuffix(".")
            self.warnings.append(Problem(path, code, expected))


_DATE = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]((?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2})"
    r"(?:[.,]([0-9]{1,9}))?\s?(?:[Zz]|([ +-][0-9]{2}):?([0-5][0-9]))"
)


def parse_date(text: str) -> datetime | None:
    """Return an ISO 8601 date with an offset as a moment in UTC, or ``None``.

    Years outside 1900 to 9998 are not valid dates of a subscriber, and overflow in some time zone.
    """
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    day, clock, fraction, hours, minutes = match.groups("")
    text = f"{day}T{clock}.{fraction:0<6.6}{hours or '+00'}:{minutes or '00'}"
    try:
        # A form decoder turns the plus sign of the offset into a blank.
        moment = datetime.fromisoformat(text.replace(" ", "+")).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None
    return moment if 1900 <= moment.year <= 9998 else None
