"""A phone number, recognised however it is written."""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Iterator
from urllib.parse import unquote_plus

from . import masking
from .decoding import text_of

#: Digits below which a number would be found everywhere.
MIN_DIGITS = 5

#: Zeros that may stand before a number.
_MAX_ZEROS = 20

#: Bytes read of a compressed body.
_MAX_UNPACKED = 10 * 1024 * 1024

# What people, and their telephones, write between the digits; some of it unseen, and
# the (0) of a number that is dialled in two ways.
_UNSEEN = "\u2010-\u2015\xad\u200b-\u200f\u202a-\u202e\u2060-\u206f"
_BETWEEN = rf"(?:[-\s().+/{_UNSEEN}]|(?<=\()0(?=\)))*"
_ESCAPE = re.compile(r"\\+u([0-9a-fA-F]{4})")
_OTHER_DIGIT = re.compile(r"(?![0-9])\d")


class Number:
    """A number to look for. Raises ``ValueError`` where there are too few digits in it."""

    def __init__(self, text: str) -> None:
        self.digits = _digits(text)
        if len(self.digits) < MIN_DIGITS:
            raise ValueError(f"expected a number of {MIN_DIGITS} digits or more")
        # Begins with a digit, which is far quicker to find than what must not stand before it.
        self._written = re.compile(rf"{_BETWEEN.join(self.digits)}(?![0-9])")

    def __str__(self) -> str:
        return masking.number(self.digits)

    def equals(self, text: str) -> bool:
        """Tell whether a text is this number, however written: ``+1 (555) …``, ``1555…@c.us``."""
        return _digits(text) == self.digits and self.is_in(text)

    def is_in(self, text: str) -> bool:
        """Tell whether this number stands in a text, and is no part of a longer one."""
        text = _ascii(text)
        for found in self._written.finditer(text):
            before = text[max(0, found.start() - _MAX_ZEROS) : found.start()].rstrip("0")
            if not before[-1:].isdecimal():
                return True
        return False

    def is_in_body(self, body: bytes, content_type: str = "", encoding: str = "") -> bool:
        """Tell whether this number stands in the bytes of a request, by JSON or form escapes too.

        Raises ``ValueError`` where it does not, as far as the encoding can be read.
        """
        for readable in _readable(body, encoding):
            if any(map(self.is_in, _texts(readable, content_type))):
                return True
        return False


def _texts(body: bytes, content_type: str) -> Iterator[str]:
    text = text_of(body, content_type)
    yield text
    if not body.isascii():
        yield body.decode("latin-1")  # whatever the beginning says of the rest
    if "%" in text:
        text = unquote_plus(text, errors="replace")
        yield text
    if "\\" in text:
        yield _ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), text)


def _readable(body: bytes, encoding: str) -> Iterator[bytes]:
    """Yield the bytes, and what is packed in them, as much as a body may be."""
    yield body
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise ValueError(f"expected gzip or deflate, came {encoding!a}")
    for format_ in (zlib.MAX_WBITS | 32, -zlib.MAX_WBITS):  # with a head, or bare
        packed = zlib.decompressobj(format_)
        try:
            yield packed.decompress(body, _MAX_UNPACKED)
        except zlib.error:
            continue
        if packed.unconsumed_tail or packed.unused_data or not packed.eof:
            raise ValueError("expected one packed body of 10 MiB at most, came more or less")
        return
    raise ValueError(f"expected what {encoding} packs, came something else")


def _digits(text: str) -> str:
    # With the zeros that stand for a plus sign, or without.
    return re.sub("[^0-9]", "", _ascii(text).replace("(0)", "")).lstrip("0")


def _ascii(text: str) -> str:
    if text.isascii():
        return text
    return _OTHER_DIGIT.sub(lambda digit: str(unicodedata.decimal(digit[0])), text)
