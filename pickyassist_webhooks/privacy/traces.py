"""A number found in a text of millions of characters, in a time that no text can make long.

The text becomes one byte for each digit. A bit of it says how the digit is joined to the one before
it, and separators are dropped. A number is then always a sequence of the same length, and nothing
needs to be tried in two ways.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..parsing.digits import plain, whole

#: Zeros that may stand before a number.
_MAX_ZEROS = 20

#: Characters around a number that may belong to a float, and digits of the longest float.
_AROUND = 40
_MAX_FLOAT = 17

#: Zeros behind a dot that no phone number ends in, unless it has more dots.
_MAX_CENTS = 2

#: Matches that may be parts of floats. A body with more of them counts as one that contains the
#: number.
_MAX_DOUBTFUL = 20_000

_SEPARATED, _DOTTED = 0x80, 0x40
_JOINS = (0, _SEPARATED, _SEPARATED | _DOTTED)


def _lanes(characters: bytes, bit: int) -> bytes:
    return bytes(bit * (byte in characters) for byte in range(256))


_DIGITS = b"0123456789"
_AFTER_SEPARATOR = _lanes(b" .", _SEPARATED)
_CAN_FOLLOW = _lanes(_DIGITS + b"eE", _SEPARATED)
_DOT, _DIGIT = _lanes(b".", _DOTTED), _lanes(_DIGITS, _DOTTED)
# Letters must not look like digits that have a bit set.
_OTHERS = bytes(
    byte if byte < 0x80 and (byte in b'eE .:,[]{}"' or byte in _DIGITS) else 0x5F
    for byte in range(256)
)

_NOT_ZERO = re.compile(rb"[^\0]")
# A digit, those that follow it directly, a dot and those behind it.
_POINTED = re.compile(
    rb"((?:(?<![0-9\xb0-\xb9\xf0-\xf9])[0-9]|[\xb0-\xb9])[0-9]*)([\xf0-\xf9][0-9]*)"
)
_IS_DIGIT = re.compile(rb"[0-9\xb0-\xb9\xf0-\xf9]")
_IS_POINTED = re.compile(rb"[\xf0-\xf9]")
_EXPONENT = re.compile(rb"[eE][0-9\xb0-\xb9]")
# The characters around a number in JSON that is no part of a text.
_BEFORE_JSON, _BEHIND_JSON = (b":", b",", b"["), (b",", b"]", b"}")


class Trace:
    """The digits of a number, to find in texts in any writing."""

    def __init__(self, digits: str) -> None:
        self.digits = digits
        self._significant = digits.rstrip("0")
        # Not behind another digit of the same float: it would be tried once for each of its digits.
        # The first digit comes before these conditions, as a plain character is found faster.
        first, others = self._significant[0], self._significant[1:]
        begun = rf"{first}(?<![1-9]{first})(?<![1-9]\.{first})"
        mantissa = r"\.?".join([begun, *others])
        self._float = re.compile(rf"{mantissa}[0.]{{0,{_MAX_ZEROS}}}[eE][-+]?[0-9]{{1,9}}")

    def is_in(self, text: str) -> bool:
        """Tell whether a text contains the number, and not as a part of a longer one."""
        data = plain(text).translate(_OTHERS)
        if self._significant.encode() not in data.translate(None, b" ."):
            return False
        return self._is_joined(_joined(data)) or self._is_float(text)

    def _is_joined(self, joined: bytes) -> bool:
        for count, start in enumerate(_positions(self.digits, joined)):
            end = start + len(self.digits)
            if count == _MAX_DOUBTFUL or not _is_of_float(joined, start, end):
                return True
        return False

    def _is_float(self, text: str) -> bool:
        for count, match in enumerate(self._float.finditer(text)):
            start, end = match.span()
            before = re.search(r"[0-9.]*\Z", text[max(0, start - _AROUND) : start])
            written = (before[0] if before else "") + match[0]
            goes_on = text[end : end + 1].isdecimal()
            if count == _MAX_DOUBTFUL or (whole(written) == self.digits and not goes_on):
                return True
        return False


def _joined(data: bytes) -> bytes:
    """Return the digits, with bits that say how each is joined, without the separators.

    All bytes are computed at once: each is eight bits of one large integer.
    """
    follows = _integer(data, _AFTER_SEPARATOR) >> 8 & _integer(data, _CAN_FOLLOW)
    digits = _integer(data, _DIGIT)
    dotted = _integer(data, _DOT) >> 8 & digits >> 16 & digits
    joined = int.from_bytes(data, "big") | follows | dotted
    return joined.to_bytes(len(data), "big").translate(None, b" .")


def _integer(data: bytes, lanes: bytes) -> int:
    return int.from_bytes(data.translate(lanes), "big")


def _positions(digits: str, joined: bytes) -> Iterator[int]:
    """Yield the positions of digits, with zeros before them or not, and no other digits around.

    All positions are compared at once: each is a bit of large integers, the first the highest.
    """
    any_digit, direct = _bits(joined, _DIGITS, *_JOINS), _bits(joined, _DIGITS, 0)
    matches = (any_digit & ~(any_digit >> 1)) | (any_digit & ~direct)
    zeros = _bits(joined, b"0", *_JOINS)
    for _ in range(_MAX_ZEROS):
        matches |= (matches & zeros) >> 1 & direct
    for digit in set(digits):
        has_digit = _bits(joined, digit.encode(), *_JOINS)
        for position in (position for position, other in enumerate(digits) if other == digit):
            matches &= has_digit << position
    matches &= ~(direct << len(digits))
    yield from _set_bits(matches, len(joined))


def _bits(joined: bytes, digits: bytes, *joins: int) -> int:
    """Return an integer with a bit for each byte, set if it is one of these digits."""
    wanted = {digit | join for digit in digits for join in joins}
    return int(joined.translate(bytes(b"01"[byte in wanted] for byte in range(256))), 2)


def _set_bits(bits: int, length: int) -> Iterator[int]:
    data = bits.to_bytes((length + 7) // 8, "big")
    missing = -length % 8
    for match in _NOT_ZERO.finditer(data):
        for position in range(8):
            if match[0][0] << position & 0x80:
                yield match.start() * 8 + position - missing


def _is_of_float(joined: bytes, start: int, end: int) -> bool:
    """Tell whether a match is a part of a float that is another number."""
    if _EXPONENT.match(joined, end):
        return True
    offset = max(0, start - _AROUND)
    around = joined[offset : end + _AROUND]
    return any(
        token.start() < end - offset
        and start - offset < token.end()
        and _is_other(around, token, start - offset, end - offset)
        for token in _POINTED.finditer(around)
    )


def _is_other(around: bytes, token: re.Match[bytes], start: int, end: int) -> bool:
    """Tell whether a part of ``1555.765`` is no number by itself: dots also separate digits."""
    first, last = token.span()
    if _IS_POINTED.match(around, last):
        return False  # no float has two dots
    if _EXPONENT.match(around, last):
        return True
    integer, fraction = (_digits(part) for part in token.groups())
    is_alone = not _IS_DIGIT.match(around, first - 1) if first else True
    if not fraction.strip(b"0") and (is_alone or len(fraction) <= _MAX_CENTS):
        return end > token.start(2)  # so spreadsheets and PHP write whole numbers
    if not is_alone:
        return False
    if not integer.strip(b"0"):
        return True
    if len(integer) + len(fraction) > _MAX_FLOAT:
        return False
    is_json = around[first - 1 : first] in _BEFORE_JSON and around[last : last + 1] in _BEHIND_JSON
    is_part = start > first + len(integer) - len(integer.lstrip(b"0")) or end < last
    return is_json or is_part


def _digits(data: bytes) -> bytes:
    return bytes(byte & 0x3F for byte in data)
