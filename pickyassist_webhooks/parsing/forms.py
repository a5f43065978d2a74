"""The fields of a form: names and values, and the objects that PHP's brackets describe."""

from __future__ import annotations

import re
from typing import Any

from ..exceptions import UnreadablePayload
from . import escapes, multipart

#: Maximum levels of nested lists, objects and parts; Python's own limit differs between
#: versions.
MAX_DEPTH = 64

#: Maximum fields of a form: a batch of 10,000 rows has 140,000.
_MAX_FIELDS = 200_000
#: Maximum brackets in all names together: a name of a batch has three steps.
_MAX_STEPS = 3 * _MAX_FIELDS

_LABEL = "application/x-www-form-urlencoded"
_FORM_KEY = re.compile(r"([^\[]+)((?:\[[^\]]*\])*)")
_STEP = re.compile(r"\[([^\]]*)\]")
LIKE_JSON = re.compile(r'\s*[{\["]')
#: Names that tell a form of the vendor: those of events, and those of chat messages as
#: ``plain_name`` returns them.
_OF_EVENTS = frozenset({"project_id", "event_id", "project-id"})
_OF_CHATS = frozenset({"message_in", "message_in_raw", "unique_id"})
#: Length of the longest of them, if each character is escaped.
_MAX_NAME = 3 * max(map(len, _OF_EVENTS | _OF_CHATS))


class FormObject(dict[str, Any]):
    """An object that is built field by field from a form."""

    __slots__ = ("_next_position", "has_repeated_keys", "is_multipart")

    def __init__(self) -> None:
        self.has_repeated_keys = False
        #: Multipart has no escapes of its own.
        self.is_multipart = False
        self._next_position = 0

    def key_of(self, step: str) -> str:
        """Return the key of a bracket; an empty one gets the number after the highest."""
        if not step:
            step = str(self._next_position)
            self._next_position += 1
        elif len(step) < 16 and step.isascii() and step.isdigit():
            self._next_position = max(self._next_position, int(step) + 1)
        return step

    def put(self, step: str, value: str) -> None:
        """Set a value; as in PHP, the last field of a name counts."""
        key = self.key_of(step) if step[:1] <= "9" else step
        if key in self:
            self.has_repeated_keys = True
        self[key] = value

    def replaced(self, key: str) -> FormObject:
        """Put a new object under a key instead of an earlier text, and return it."""
        self.has_repeated_keys |= key in self
        child = self[key] = FormObject()
        return child


def is_multipart(content_type: str) -> bool:
    return content_type.strip().lower().startswith("multipart/form-data")


def pairs_of(body: bytes, text: str, content_type: str) -> list[tuple[str, str]]:
    """Return the names and values of a form; none if it is not a form."""
    in_parts = is_multipart(content_type)
    # Count the lines of parts: each costs as much as a field, and a part has four or more.
    separators = ("\n", "\r") if in_parts else ("&",)
    if max(map(text.count, separators)) > _MAX_FIELDS:
        raise UnreadablePayload("not_json", f"at most {_MAX_FIELDS} form fields")
    if in_parts:
        _refuse_nested_parts(body)
        return multipart.pairs_of(body, content_type)
    is_labelled = content_type.strip().lower().startswith(_LABEL)
    # Some encode the JSON as a whole, without a name.
    has_fields = "=" in text or (is_labelled and text[:3].upper() == "%7B")
    if not has_fields or LIKE_JSON.match(text):
        return []  # truncated JSON is not a form, with any content type
    # Check the names first: another text can have millions of escapes in its values.
    return escapes.split(text) if is_labelled or _has_known_name(text) else []


def flat(pairs: list[tuple[str, str]]) -> FormObject:
    """Return the fields with their names as they are."""
    fields = FormObject()
    fields.update(pairs)
    return fields


def nested(pairs: list[tuple[str, str]]) -> FormObject:
    """Read PHP's brackets: ``data[0][msg_id]=1`` is ``{"data": {"0": {"msg_id": "1"}}}``."""
    fields = FormObject()
    steps = 0
    for name, value in pairs:
        if "[" not in name:
            fields.put(name, value)
            continue
        path = _path(name)
        steps += len(path)
        if steps > _MAX_STEPS:
            raise UnreadablePayload("not_json", f"at most {_MAX_STEPS} brackets of a form")
        _put(fields, path, value)
    return fields


def _path(name: str) -> list[str]:
    if name.count("[") >= MAX_DEPTH:  # before each of them takes memory
        raise too_deep()
    match = _FORM_KEY.fullmatch(name)
    return [match[1], *_STEP.findall(match[2])] if match else [name]


def _put(node: FormObject, path: list[str], value: str) -> None:
    *steps, last = path
    for step in steps:
        key = node.key_of(step) if step[:1] <= "9" else step
        child = node.get(key)
        node = child if child.__class__ is FormObject else node.replaced(key)
    node.put(last, value)


def too_deep() -> UnreadablePayload:
    """Return the error for a body with too many levels."""
    return UnreadablePayload("too_deep", f"at most {MAX_DEPTH} levels")


def _refuse_nested_parts(body: bytes) -> None:
    lowered = body.lower()
    if sum(map(lowered.count, (b"multipart/", b"message/rfc822"))) > MAX_DEPTH:
        raise too_deep()


def plain_name(name: str) -> str:
    """Return a name as all its spellings in chat messages have it."""
    return name.lower().replace("-", "_")


def _has_known_name(text: str) -> bool:
    """Tell whether a form has a name of the vendor, escaped or not."""
    sent = (pair.partition("=")[0] for pair in text.split("&"))
    short = "&".join(name for name in sent if len(name) <= _MAX_NAME)
    return any(
        name in _OF_EVENTS or plain_name(name) in _OF_CHATS for name, _ in escapes.split(short)
    )
