"""The ways people and programs write a number."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

#: Maximum digits of a number that is written as a float.
_MAX_DIGITS = 30

#: No character from here on is a digit or a separator.
_KNOWN = 0x20000

# Blanks and hyphens, half of them invisible. The two in the middle are dashes of Windows.
_BLANK = re.compile(r"[-\s()+/\xad\x96\x97\u2010-\u2015\u200b-\u200f\u202a-\u202e\u2060-\u206f]")
_FLOAT = re.compile(r"[-+]?([0-9]+)(?:\.([0-9]*))?(?:[eE]([-+]?[0-9]{1,9}))?")
_NO_NUMBER = re.compile(r"[-+]?0*\.[0-9]*[1-9][0-9]*")
_ONE_NUMBER = re.compile(r"[^0-9]*([0-9](?:[0-9 .]*[0-9])?)[^0-9]*")


def plain(text: str) -> bytes:
    """Return text in ASCII, character by character: digits, dots, and a blank for each separator.

    The ``(0)`` of a number with two ways to dial is not a digit. All other characters outside
    ASCII become a character that is not a digit.
    """
    text = text.replace("(0)", "()")
    try:
        return text.encode("latin-1").translate(_bytes())
    except UnicodeEncodeError:
        return text.translate(_characters()).encode("ascii", "replace")


def digits_of(text: str) -> str:
    """Return the digits of a text that is one number in any format, or an empty text.

    Leading zeros replace a plus sign and do not count: ``00 1 (555) …``, ``1555…@c.us``.
    A float counts as its whole number.
    """
    if text.isascii() and text.isdigit():  # as nearly always
        return text.lstrip("0")
    if digits := whole(text.strip()):
        return digits
    text = plain(text).decode().strip()
    match = _ONE_NUMBER.fullmatch(text)
    if match is None or _NO_NUMBER.fullmatch(text):
        return ""
    return re.sub("[ .]", "", match[1]).lstrip("0")


def whole(text: str) -> str:
    """Return the digits of a whole number that is written as a float, or an empty text."""
    match = _FLOAT.fullmatch(text)
    if match is None:
        return ""
    integer, fraction, exponent = match[1], match[2] or "", int(match[3] or 0)
    digits, places = (integer + fraction).lstrip("0"), exponent - len(fraction)
    if places >= 0:
        return digits + "0" * places if len(digits) + places <= _MAX_DIGITS else ""
    return "" if digits[places:].strip("0") else digits[:places]


@cache
def _bytes() -> bytes:
    return "".join(map(_plain, map(chr, range(256)))).encode()


@cache
def _characters() -> list[str]:
    return [_plain(chr(code)) for code in range(_KNOWN)]


def _plain(character: str) -> str:
    if _BLANK.match(character):
        return " "
    if character.isascii():
        return character
    digit = unicodedata.decimal(character, None)
    return "_" if digit is None else str(digit)
