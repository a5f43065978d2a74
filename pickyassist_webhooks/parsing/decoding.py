"""Decode bytes into one JSON object, with any content type."""

from __future__ import annotations

import codecs
import json
import re
from contextlib import suppress
from itertools import accumulate
from typing import Any

from ..exceptions import UnreadablePayload
from . import forms
from .characters import storable
from .forms import LIKE_JSON, MAX_DEPTH, too_deep
from .literals import Decimals, NumberText, whole

#: MariaDB refuses JSON of more than 32 levels, so stored JSON stays well below.
MAX_KEPT_DEPTH = 16

#: Minimum characters of a large body per bracket, and per bracket or comma. The vendor's shortest
#: batch has 54 and 11, while ten million bytes of ``{},`` or ``1,`` take a gigabyte once they are
#: parsed.
_PER_BRACKET = 20
_PER_VALUE = 8
#: Maximum number of brackets and commas: 120,000 of the shortest rows, a kilobyte each.
_MAX_VALUES = 600_000
_LARGE = 100_000

# A charset of single bytes.
_CHARSET = re.compile(r"(?i)charset=[\"']?(iso-?8859-?\d+|latin-?1|(?:windows|cp)-?125\d)\b")
# A JSON string after its escaped quotation marks were removed.
_STRING = re.compile(r'"[^"]*"?')
_NO_BRACKETS = re.compile(r"[^{}\[\]]+")
_CONTAINERS = (dict, list)


class ObjectWithRepeatedKeys(dict[str, Any]):
    """A JSON object that has a key more than once; the last value counts."""

    has_repeated_keys = True


def decode(body: bytes, content_type: str = "") -> dict[str, Any]:
    """Return the JSON object in ``body``, or its form fields as an object.

    The content type is only a hint: some JSON is labelled as a form, and the vendor's old
    "Standard POST" sends form fields. Raises ``UnreadablePayload`` if there is no object.
    """
    text = text_of(body, content_type)
    try:
        value = _json(text)
    except json.JSONDecodeError:
        value = _form_fields(body, text, content_type)
    if not isinstance(value, dict):
        raise UnreadablePayload("not_an_object", "a JSON object")
    return value


def decode_text(text: str) -> Any:
    """Return the JSON value in a string of a body. Raises ``UnreadablePayload``."""
    try:
        return _json(text, MAX_DEPTH - 1)  # the object with that string is a level, too
    except json.JSONDecodeError as err:
        raise UnreadablePayload("not_json", "JSON") from err


def text_of(body: bytes, content_type: str = "") -> str:
    """Return the text of a body; invalid bytes become lone surrogates or U+FFFD."""
    encoding = json.detect_encoding(body)
    if not encoding.startswith("utf-8"):
        return body.decode(encoding, "replace")
    try:
        return body.decode(encoding)
    except UnicodeDecodeError:
        if declared := _CHARSET.search(content_type):
            with suppress(LookupError):  # such as ISO-8859-99, which does not exist
                # A table: an error handler would be called for each byte that it does not have.
                table = bytes(range(256)).decode(declared[1], "replace")
                return codecs.charmap_decode(body, "strict", table)[0]
        # Bytes that are not UTF-8 become lone surrogates; the parser replaces or reports them.
        return body.decode(encoding, "surrogateescape")


def _refuse_many_values(text: str) -> None:
    length = len(text)
    if length <= _LARGE or not LIKE_JSON.match(text):
        return
    most = min(length // _PER_VALUE, _MAX_VALUES)

    def has_many(text: str) -> bool:
        brackets = text.count("{") + text.count("[")
        return brackets > length // _PER_BRACKET or brackets + text.count(",") > most

    if not has_many(text):
        return
    # Brackets in strings do not count. Each string takes memory while all of them are removed, so
    # do not try if there are more than the names and values can be.
    has_many_strings = text.count('"') - text.count(r"\"") > 4 * most + 2
    if has_many_strings or has_many(_without_strings(text)):
        raise UnreadablePayload(
            "too_many_values",
            f"at most one bracket in {_PER_BRACKET} characters, one value in {_PER_VALUE}, "
            f"and {_MAX_VALUES} of them",
        )


def _json(text: str, max_depth: int = MAX_DEPTH) -> Any:
    _refuse_many_values(text)
    try:
        value = json.loads(
            text,
            strict=False,  # accept line breaks inside a string rather than lose the event
            object_pairs_hook=_object,
            parse_int=whole,
            parse_float=Decimals().read,
            parse_constant=NumberText,
        )
        if _depth_of([value]) > max_depth + 1:
            raise too_deep()
        return value
    except (RecursionError, json.JSONDecodeError) as err:
        # Python reports the depth or a later error, depending on how much of its stack is in use.
        # The same bytes must always give the same result.
        if _depth_of_text(text[: getattr(err, "pos", None)]) > MAX_DEPTH:
            raise too_deep() from None
        raise


def _depth_of_text(text: str) -> int:
    """Return the number of levels of JSON that can be broken or too deep to be read."""
    brackets = _NO_BRACKETS.sub("", _without_strings(text))
    return max(accumulate(1 if bracket in "{[" else -1 for bracket in brackets), default=0)


def _without_strings(text: str) -> str:
    return _STRING.sub("", text.replace(r"\\", "").replace(r"\"", ""))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    return values if len(values) == len(pairs) else ObjectWithRepeatedKeys(values)


def _depth_of(node: Any) -> int:
    """Return the number of levels of a list or an object."""
    children = node.values() if isinstance(node, dict) else node
    nested = [child for child in children if isinstance(child, _CONTAINERS)]
    return 1 + max(map(_depth_of, nested), default=0)


def _form_fields(body: bytes, text: str, content_type: str) -> dict[str, Any]:
    """Return the form fields as nested objects, or the JSON object that is the only field."""
    pairs = forms.pairs_of(body, text, content_type)
    if not pairs:
        raise UnreadablePayload("not_json", "a JSON object or form fields")
    [(name, value), *others] = pairs
    content = value if value.lstrip()[:1] == "{" else name
    if not others and content.lstrip()[:1] == "{":
        with suppress(json.JSONDecodeError):
            return _json(content) or forms.flat(pairs)
    fields = forms.nested(pairs) if others else forms.flat(pairs)
    fields.is_multipart = forms.is_multipart(content_type)
    return fields


def harmless(value: Any, depth: int = 1) -> Any:
    """Return a JSON value that each database stores and returns unchanged.

    NUL and lone surrogates become U+FFFD. Numbers that some JSON column cannot hold become text.
    Values deeper than ``MAX_KEPT_DEPTH`` become JSON text.
    """
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, float) and "e+" in repr(value):
        return repr(value)
    if not isinstance(value, _CONTAINERS):
        return value
    if depth == MAX_KEPT_DEPTH:
        return storable(json.dumps(value, ensure_ascii=False))
    if isinstance(value, list):
        return [harmless(item, depth + 1) for item in value]
    return {harmless(name): harmless(item, depth + 1) for name, item in value.items()}
