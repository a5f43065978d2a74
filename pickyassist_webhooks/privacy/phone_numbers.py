"""A phone number to find in everything that is stored."""

from __future__ import annotations

import json
import re
from functools import cached_property
from typing import Any

from ..exceptions import NotANumber
from ..models import masking
from ..parsing.digits import digits_of
from ..parsing.phone_numbers import MIN_DIGITS, given
from .texts import texts_of
from .traces import Trace

#: Python's escapes of characters that have no digits.
_ESCAPES = re.compile(r"\\x[0-9a-fA-F]{2}")


class Number:
    """A number to find. Raises ``NotANumber`` if the text is not one."""

    def __init__(self, text: str) -> None:
        self.digits = digits_of(text)
        if len(self.digits) < MIN_DIGITS:
            raise NotANumber(f"A phone number has {MIN_DIGITS} digits or more.")

    @classmethod
    def given(cls, text: str) -> Number:
        """Return the number that a person typed or pasted.

        Raises ``NotANumber`` if it is not plainly a full one: a wrong guess hits the wrong person.
        """
        return cls(given(text))

    def __str__(self) -> str:
        return masking.number(self.digits)

    @property
    def key(self) -> str:
        """The key of this number's rows: see ``key_of``."""
        return self.digits[::-1]

    def equals(self, text: str) -> bool:
        """Tell whether a text is this number, however written: ``+1 (555) …``, ``1555…@c.us``."""
        return digits_of(text) == self.digits

    def is_in(self, text: str) -> bool:
        """Tell whether a text contains this number, and not as a part of a longer one."""
        return self._trace.is_in(text)

    def is_in_json(self, value: Any) -> bool:
        """Tell whether a JSON value contains this number, also in escapes of its texts."""
        return self.is_in_error(json.dumps(value, ensure_ascii=False, default=str))

    def is_in_error(self, text: str) -> bool:
        """Tell whether a text of a program contains this number: it can have escapes."""
        plain = _ESCAPES.sub(" ", text)
        return self.is_in(plain) or self.is_in_body(plain.encode(errors="replace"))

    def is_in_body(self, body: bytes, encoding: str = "") -> bool:
        """Tell whether a request's bytes contain this number, also in JSON or form escapes.

        Raises ``ValueError`` if it was not found and the Content-Encoding cannot be read.
        """
        return any(map(self.is_in, texts_of(body, encoding)))

    @cached_property
    def _trace(self) -> Trace:
        return Trace(self.digits)
