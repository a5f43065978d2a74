"""Phone numbers that people type, and the key that finds the rows of a number."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

from ..exceptions import NotANumber
from .characters import visible
from .digits import digits_of

#: Minimum digits of a number: shorter ones would match everywhere.
MIN_DIGITS = 5

#: Maximum digits of a phone number (E.164), and of the id that some channels have instead; no one
#: writes ids in groups.
MAX_DIGITS = 15
MAX_ID_DIGITS = 20

#: A group of so many digits can be a number without its country code.
_ALONE = 7

#: Minimum digits after the only dot of a number: with fewer it can be a price.
_BEHIND_DOT = 4

_EXAMPLE = "such as +15550001111"

_UNSEEN = re.compile("[\xad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]")
_HYPHEN = re.compile("[\u2010-\u2015]")
_BLANK = re.compile(r"[^\S\t\n\r\v\f]")
_OTHER_DIGIT = re.compile(r"(?![0-9])\d")
_TRUNK_ZERO = re.compile(r"(?<=[0-9 ])\( ?0 ?\)")

_IN_BRACKETS = r"\([0-9]+(?:[- ][0-9]+)*\)[0-9]*"
_BETWEEN = r"(?: *[-/] *| +|\.)"
_GIVEN = re.compile(
    rf"(?:(?:\+ ?)?(?:[0-9]+|{_IN_BRACKETS})|\(\+[0-9]+\)[0-9]*)"
    rf"(?:{_BETWEEN}[0-9]+|{_BETWEEN}?{_IN_BRACKETS})*"
)
_OF_A_SPREADSHEET = re.compile(
    rf"['\u2018\u2019`].*|.*[0-9][eE][-+]?[0-9]+|.*\.0*|[^.]*\.[0-9]{{0,{_BEHIND_DOT - 1}}}"
    r"|.*\.[0-9]|[-+]?0+\..*|.*[0-9],.*"
    rf"|[0-9]{{{_ALONE},}}\.[0-9]*"
)


def given(text: str) -> str:
    """Return the digits of the number that a person typed or pasted.

    Raises ``NotANumber`` if it is not clearly complete: a wrong guess hits the wrong person.
    """
    text = _tidy(text)
    digits = re.sub("[^0-9]", "", text)
    if not digits:
        raise NotANumber(f"'{visible(text)[:40]}' is not a phone number: use digits only.")
    if _OF_A_SPREADSHEET.fullmatch(text):
        raise NotANumber(f"This looks like a spreadsheet number: use digits only, {_EXAMPLE}.")
    if not _GIVEN.fullmatch(text):
        raise NotANumber(f"This is not one phone number: use digits only, {_EXAMPLE}.")
    international = digits[2:] if digits.startswith("00") and "+" not in text else digits
    if international.startswith("0"):
        raise NotANumber(f"Use the country code instead of the first 0, {_EXAMPLE}.")
    if len(international) < MIN_DIGITS:
        raise NotANumber(f"A phone number has {MIN_DIGITS} digits or more.")
    if len(international) > (MAX_ID_DIGITS if text.isdigit() else MAX_DIGITS) or _are_two(text):
        raise NotANumber(f"A phone number has at most {MAX_DIGITS} digits: use one at a time.")
    return international


def key_of(text: str) -> str:
    """Return the key that finds the rows of a number: its digits from last to first.

    So an index can find numbers by their end, and each format of a number has the same key.
    A text that is not a number is its own key.
    """
    return digits_of(text)[::-1] or text


def ended(text: str) -> tuple[str, bool]:
    """Return the digits that a person searches for, and whether they may be only the end.

    The digits are empty if the text is not clearly a number.
    """
    text = _tidy(text)
    if not _GIVEN.fullmatch(text) or _OF_A_SPREADSHEET.fullmatch(text):
        return "", False
    digits = re.sub("[^0-9]", "", text)
    is_end = "+" not in text and not digits.startswith("00")
    return digits.lstrip("0"), is_end


def _tidy(text: str) -> str:
    """Return the digits and separators of text in ASCII, without invisible characters."""
    text = _BLANK.sub(" ", _HYPHEN.sub("-", _UNSEEN.sub("", text))).strip()
    text = _OTHER_DIGIT.sub(lambda digit: str(unicodedata.decimal(digit[0])), text)
    return _TRUNK_ZERO.sub(" ", text)


def _are_two(text: str) -> bool:
    """Return whether there are two numbers next to each other, without country codes."""
    groups = [len(group) for group in re.findall("[0-9]+", text)]
    halves = [len(re.sub("[^0-9]", "", half)) for half in text.split("/")]
    return any(min(pair) >= _ALONE for sizes in (groups, halves) for pair in pairwise(sizes))
