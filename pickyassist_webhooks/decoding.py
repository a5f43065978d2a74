"""Bytes to one JSON object, whatever label they came under. Pure: no settings, no database."""

from __future__ import annotations

import email
import json
import math
import re
from collections import Counter
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl

from .characters import storable
from .exceptions import UnreadablePayload

#: Levels of lists and objects within each other; Python's own limit differs between versions.
MAX_DEPTH = 64

#: MariaDB refuses JSON of more than 32 levels, so whatever is kept as JSON stays well below.
MAX_KEPT_DEPTH = 16

#: Digits of a whole number that every Python reads without raising.
_MAX_DIGITS = 300

#: Characters of a large body for each of its brackets, and for each of its brackets and commas, at
#: least. Of the vendor's batches the barest has 54 and 11, while ten million bytes of ``{},`` or
#: ``1,`` take a gigabyte once they are read.
_PER_BRACKET = 20
_PER_VALUE = 8
#: Brackets and commas at most: those of 120,000 of the barest rows, of which each costs a kilobyte.
_MAX_VALUES = 600_000
_LARGE = 100_000

#: Fields of a form: a batch of 10,000 rows has 140,000.
_MAX_FIELDS = 200_000
#: Steps that all their names take: those of a batch take three.
_MAX_STEPS = 3 * _MAX_FIELDS

_SINGLE_BYTE_CHARSET = re.compile(
    r"charset=[\"']?((?:iso-?8859-?\d+|latin-?1|windows-?125\d|cp-?125\d))\b", re.IGNORECASE
)
_JSON = re.compile(r'\s*[{\["]')
# A JSON string without escapes; the group is what is in one that has a bracket or a comma.
_STRING = re.compile(r'"(?:[^"{\[,]*"|([^"]*)"?)')
_MARK = re.compile(r'"[^"]*"?|[{}\[\]]')
_WITHIN = re.compile(rb"multipart/", re.IGNORECASE)
_FORM_KEY = re.compile(r"([^\[]+)((?:\[[^\]]*\])*)")
_ENVELOPE_KEYS = frozenset({"project_id", "event_id", "project-id", "message-in"})


class NumberText(str):
    """A JSON number that no Python number holds, as it was written: ``1e400``, ``NaN``."""

    __slots__ = ()


class ObjectWithRepeatedKeys(dict[str, Any]):
    """A JSON object that named a key more than once; the last value stands."""


def decode(body: bytes, content_type: str = "") -> dict[str, Any]:
    """Return the JSON object in ``body``, or the form fields in it as one.

    The label is only a hint: JSON labelled as a form has been seen, and the vendor's old
    "Standard POST" sends form fields. Raises ``UnreadablePayload`` where there is no object.
    """
    text = text_of(body, content_type)
    _refuse_many_values(text)
    value = _json_or_form(body, text, content_type)
    if isinstance(value, dict | list):
        _refuse_depth(value)
    if not isinstance(value, dict):
        raise UnreadablePayload("not_an_object", "a JSON object")
    return value


def _json_or_form(body: bytes, text: str, content_type: str) -> Any:
    try:
        return _json(text)
    except json.JSONDecodeError as err:
        fields = _form_fields(body, text, content_type)
        if fields is None:
            raise UnreadablePayload("not_json", "a JSON object or form fields") from err
        return fields


def text_of(body: bytes, content_type: str = "") -> str:
    """Return the text of a body; whatever is no text in it becomes lone surrogates or U+FFFD."""
    encoding = json.detect_encoding(body)
    if not encoding.startswith("utf-8"):
        return body.decode(encoding, "replace")
    try:
        return body.decode(encoding)
    except UnicodeDecodeError:
        declared = _SINGLE_BYTE_CHARSET.search(content_type)
        if declared:
            with suppress(LookupError):  # there is no ISO-8859-99
                return body.decode(declared[1], "replace")
        # Bytes that are no UTF-8 become lone surrogates, which the parser mends or reports.
        return body.decode(encoding, "surrogateescape")


def _refuse_many_values(text: str) -> None:
    length = len(text)
    if length <= _LARGE or not _JSON.match(text):
        return
    marks = Counter({mark: text.count(mark) for mark in "{[,"})
    if _are_many(marks, length):
        # Not those in somebody's message, which are only looked for where it may matter.
        for written in _STRING.finditer(_without_escapes(text)):
            if written[1]:
                marks.subtract({mark: written[1].count(mark) for mark in marks})
    if _are_many(marks, length):
        raise UnreadablePayload(
            "too_many_values",
            f"at most one bracket in {_PER_BRACKET} characters, one value in {_PER_VALUE}, "
            f"and {_MAX_VALUES} of them",
        )


def _are_many(marks: Counter[str], length: int) -> bool:
    brackets = marks["{"] + marks["["]
    most = min(length // _PER_VALUE, _MAX_VALUES)
    return brackets > length // _PER_BRACKET or brackets + marks[","] > most


def _json(text: str) -> Any:
    try:
        return json.loads(
            text,
            strict=False,  # line breaks inside a text: a sloppy sender, not a lost event
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_decimal,
            parse_constant=NumberText,
        )
    except RecursionError:
        raise _too_deep() from None
    except json.JSONDecodeError as err:
        # Whether Python gives up on the depth or comes to what is wrong behind it depends on how
        # much of its stack is in use, and the same bytes must always mean the same.
        if _is_deep(text[: err.pos]):
            raise _too_deep() from None
        raise


def _is_deep(text: str) -> bool:
    depth = 0
    for mark in _MARK.finditer(_without_escapes(text)):
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(mark[0], 0)
        if depth > MAX_DEPTH:
            return True
    return False


def _too_deep() -> UnreadablePayload:
    return UnreadablePayload("too_deep", f"at most {MAX_DEPTH} levels")


def _without_escapes(text: str) -> str:
    """Return JSON in which every quotation mark begins or ends a string."""
    return text.replace(r"\\", "").replace(r"\"", "")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else ObjectWithRepeatedKeys(found)


def _integer(digits: str) -> int | NumberText:
    return int(digits) if len(digits) <= _MAX_DIGITS else NumberText(digits)


def _decimal(literal: str) -> int | float | NumberText:
    whole, _, zeros = literal.partition(".")
    if zeros and not zeros.strip("0"):  # PHP writes a whole number as 1.0
        return _integer(whole)
    value = float(literal)
    return value if math.isfinite(value) else NumberText(literal)


def _refuse_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for node in level
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, dict | list)
        ]
        if not level:
            return
    raise _too_deep()


def _form_fields(body: bytes, text: str, content_type: str) -> Any:
    """Return the form fields as nested objects, a JSON text in their place, or ``None``."""
    label = content_type.strip().lower()
    is_multipart = label.startswith("multipart/form-data")
    # Of parts the lines are counted: each costs as much as a field, and a part has four or more.
    marks = ("\n", "\r") if is_multipart else ("&",)
    if max(map(text.count, marks)) > _MAX_FIELDS:
        raise UnreadablePayload("not_json", f"at most {_MAX_FIELDS} form fields")
    if is_multipart:
        pairs = _multipart_pairs(body, content_type)
    elif "=" not in text or _JSON.match(text):
        return None  # JSON that was cut short is no form, whatever the label says
    else:
        pairs = parse_qsl(text, keep_blank_values=True, errors="surrogateescape")
        known = any(name in _ENVELOPE_KEYS for name, _ in pairs)
        if not known and not label.startswith("application/x-www-form-urlencoded"):
            return None
    if len(pairs) == 1:
        return _json_in_form(*pairs[0]) or dict(pairs)
    return _nested(pairs) if pairs else None


def _multipart_pairs(body: bytes, content_type: str) -> list[tuple[str, str]]:
    if sum(1 for _ in _WITHIN.finditer(body)) > MAX_DEPTH:
        raise _too_deep()
    head = f"Content-Type: {content_type}\r\n\r\n".encode("ascii", "replace")
    pairs = []
    for part in email.message_from_bytes(head + body).walk():
        name = part.get_param("name", header="content-disposition")
        content = None
        with suppress(ValueError):  # an encoding of the part's own, which older Pythons choke on
            content = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(content, bytes):
            pairs.append((name, content.decode("utf-8", "surrogateescape")))
    return pairs


def _json_in_form(name: str, value: str) -> Any:
    """Return the object of a form that holds nothing but one JSON text, else ``None``."""
    for text in (value, name):
        if text.lstrip()[:1] == "{":
            _refuse_many_values(text)
            try:
                return _json(text)
            except json.JSONDecodeError:
                return None
    return None


def _nested(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """Read PHP's brackets: ``data[0][msg_id]=1`` is ``{"data": {"0": {"msg_id": "1"}}}``."""
    fields: dict[str, Any] = {}
    steps = 0
    for name, value in pairs:
        match = _FORM_KEY.fullmatch(name)
        path = [match[1], *re.findall(r"\[([^\]]*)\]", match[2])] if match else [name]
        if len(path) > MAX_DEPTH:
            raise _too_deep()
        steps += len(path)
        if steps > _MAX_STEPS:
            raise UnreadablePayload("not_json", f"at most {_MAX_STEPS} brackets of a form")
        node = fields
        for step in path[:-1]:
            child = node.setdefault(step or str(len(node)), {})
            if not isinstance(child, dict):
                break  # a[0]=1 after a=1: the first value stays
            node = child
        else:
            node.setdefault(path[-1] or str(len(node)), value)
    return fields


def harmless(value: Any, depth: int = 1) -> Any:
    """Return a JSON value that each database keeps and gives back alike.

    NUL and lone surrogates become U+FFFD, numbers outside of what JSON columns share become
    text, and whatever lies deeper than ``MAX_KEPT_DEPTH`` becomes JSON text.
    """
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, float):
        return value if "e" not in repr(value) else repr(value)
    if not isinstance(value, dict | list):
        return value
    if depth == MAX_KEPT_DEPTH:
        return storable(json.dumps(value, ensure_ascii=False))
    if isinstance(value, list):
        return [harmless(item, depth + 1) for item in value]
    return {harmless(name): harmless(item, depth + 1) for name, item in value.items()}
