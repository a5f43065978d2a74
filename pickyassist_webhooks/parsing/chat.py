"""Chat messages: the payload of the Global Webhook, one message in one object.

From the vendor's page "Global Webhook". It mixes hyphens and underscores, and spells one name with
a capital letter, so names are read without regard to case, hyphens and underscores alike.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Any

from ..exceptions import UnreadablePayload
from . import escapes
from .decoding import ObjectWithRepeatedKeys, decode_text, harmless
from .forms import FormObject, plain_name
from .values import MAX_JSON, MAX_LENGTH, FieldReader

#: The vendor's names, as its page spells most of them.
NAMES = (
    *("number", "messenger_id", "name", "message-in", "message_in_raw", "application", "direction"),
    *("type", "unique-id", "project-id", "media-url", "group-id", "group-mentions"),
    *("context-msg-id", "interactive", "payload", "location", "contact"),
)
#: Names that no other webhook uses.
_SIGNATURE = frozenset({"message-in", "message_in_raw", "unique-id"})

_CONTENT_OF_TYPE = {
    **{"1": "text", "2": "image", "3": "video", "4": "audio", "5": "location"},
    **{"6": "document", "7": "contact", "9": "reply"},
}
_BLANK: tuple[Any, ...] = (None, "", [], {})
# A number in a group: "Group name @Sender / 15550001111".
_IN_GROUP = re.compile(r"(?s).*/\s*([0-9]+)")
_ESCAPES = re.compile(r"(?:%[0-9a-fA-F]{2})+")
#: Characters of a text with escapes that are not UTF-8, because each of these takes time. Messages
#: of people have a few thousand.
MAX_REPAIRED = 500_000

_NOT_UTF_8 = re.compile("([\udc80-\udcff]+)")


_SPELLED = {plain_name(name): name for name in NAMES}

#: Names of objects and lists, which a form can have as JSON.
_STRUCTURES = ("interactive", "location", "contact", "group-mentions")


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _is_blank(value: Any) -> bool:
    return (value.strip() if isinstance(value, str) else value) in _BLANK


def spelling(name: str) -> str:
    """Return a name as the vendor's page spells it; other names stay."""
    return _SPELLED.get(plain_name(name), name)


def message_of(source: dict[str, Any]) -> dict[str, Any] | None:
    """Return the object of a chat message with the names of ``NAMES``, or ``None`` if it is none.

    An object with an ``event_id`` is an event. Other names stay. Of two spellings of a name the
    first that is not blank counts.
    """
    if not _is_missing(source.get("event_id")):
        return None
    read: dict[str, Any] = {}
    other: dict[str, Any] = {}
    for name, value in sorted(source.items(), key=lambda item: item[0] not in NAMES):
        spelled = _SPELLED.get(plain_name(name))
        if spelled is None or not _is_blank(read.get(spelled)):
            other[name] = value
        elif not _is_blank(value) or spelled not in read:
            read[spelled] = value
    if _SIGNATURE.isdisjoint(read):
        return None
    is_decoded = isinstance(source, FormObject) and not source.is_multipart
    has_text = isinstance(read.get("message-in"), str)
    if is_decoded and has_text and _is_blank(read.get("message_in_raw")):
        # The form's own encoding was that of the text.
        read["message_in_raw"] = _with_escapes(read.pop("message-in"))
    for name in _STRUCTURES:
        if name in read:
            read[name] = _from_json(read[name])
    has_repeated_keys = getattr(source, "has_repeated_keys", False)
    return ObjectWithRepeatedKeys(other | read) if has_repeated_keys else other | read


def _with_escapes(text: str) -> str:
    """Return a decoded text with the escapes that are not UTF-8 as they came."""
    if len(text) > MAX_REPAIRED:
        return text
    return _NOT_UTF_8.sub(
        lambda match: "".join(f"%{ord(byte) - 0xDC00:02X}" for byte in match[0]), text
    )


def _from_json(value: Any) -> Any:
    """Return the object or list in a text, as a form sends it; other values stay."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        with suppress(UnreadablePayload):
            return decode_text(value)
    return value


def direction(reader: FieldReader, name: str) -> int:
    """Return the direction; older payloads have none, and then the message was received."""
    return 0 if _is_missing(reader.source.get(name)) else reader.integer(name)


def an_object(reader: FieldReader, name: str) -> dict[str, Any] | None:
    """Return an object as sent, or ``None``."""
    value = reader.source.get(name)
    if isinstance(value, dict):
        kept: dict[str, Any] | None = _kept(reader, name, value)
        return kept
    if not _is_blank(value):
        reader.replaced[name] = value
        reader.warn(name, "blanked", "an object")
    return None


def a_list(reader: FieldReader, name: str) -> list[Any]:
    """Return a list as sent; a single object becomes a list."""
    value = reader.source.get(name)
    if isinstance(value, dict):
        # PHP writes a list with gaps as an object with numbers as keys.
        value = list(value.values()) if all(map(str.isdecimal, value)) else [value]
    if isinstance(value, list):
        return _kept(reader, name, value) or []
    if not _is_blank(value):
        reader.replaced[name] = value
        reader.warn(name, "blanked", "a list")
    return []


def _kept(reader: FieldReader, name: str, value: Any) -> Any:
    """Return a value that each database stores unchanged, or ``None`` if it is too long."""
    if len(json.dumps(value)) > MAX_JSON:
        reader.warn(name, "left_in_body", f"at most {MAX_JSON} characters")
        return None
    return harmless(value)


def reply(reader: FieldReader, name: str) -> tuple[str, str]:
    """Return the id and the text of the button or of the choice that was pressed."""
    kept, sent = an_object(reader, name) or {}, reader.source.get(name)
    answer = FieldReader(sent if isinstance(sent, dict) else {}, name, reader.warnings)
    reply_id, description = answer.word("id"), answer.text("description")
    rest = {key: value for key, value in kept.items() if key not in ("id", "description")}
    if rest | answer.replaced:
        reader.replaced[name] = rest | answer.replaced
    return reply_id, description


def text(reader: FieldReader, name: str) -> str:
    """Return the text of a message: the raw one, or else the decoded one."""
    raw = reader.text("message_in_raw")
    if raw.strip():
        return raw
    return reader.storable(name, decoded(reader.text(name))) or raw


def decoded(text: str) -> str:
    """Decode the escapes of a text once; those that are not UTF-8 stay as they came.

    If a text of more than ``MAX_REPAIRED`` characters has one of these, all of it stays.
    """
    result = escapes.unescaped(text)
    if not _NOT_UTF_8.search(result):
        return result
    if len(text) > MAX_REPAIRED:
        return text
    return _ESCAPES.sub(_decoded_run, text.replace("+", " "))


def _decoded_run(match: re.Match[str]) -> str:
    run = match[0]
    text = bytes.fromhex(run.replace("%", "")).decode("utf-8", "surrogateescape")
    pieces = _NOT_UTF_8.split(text)
    end = 0
    for index, piece in enumerate(pieces):
        start, end = end, end + len(piece.encode("utf-8", "surrogateescape"))
        if index % 2:  # it is not UTF-8
            pieces[index] = run[3 * start : 3 * end]
    return "".join(pieces)


def identify(reader: FieldReader, values: dict[str, Any]) -> None:
    """Complete a message, and refuse it if it tells neither its sender nor its id."""
    if values["unique_id"] == "0":
        values["unique_id"] = ""
    _read_number(reader, values)
    values["reply_id"], values["reply_description"] = values["reply_id"]
    is_reply = isinstance(reader.source.get("interactive"), dict) or bool(values["payload"].strip())
    values["content"] = content_of(
        is_reply, values["location"], values["contacts"], values["type"], values["media"]
    )
    if not (values["number"] or values["messenger_id"] or values["unique_id"]):
        raise reader.missing("unique-id", "a unique-id, a number or a messenger_id")


def _read_number(reader: FieldReader, values: dict[str, Any]) -> None:
    sent = values["number"].strip()
    number, subject = sent, ""
    if values["group_id"]:
        if match := _IN_GROUP.fullmatch(sent):
            number = match[1]
        before, at, _ = sent.partition(" @")
        subject = before if at else ""
    if len(number) > MAX_LENGTH:
        reader.warn("number", "cut", f"at most {MAX_LENGTH} characters")
    values["number"], values["group_subject"] = number[:MAX_LENGTH], subject[:MAX_LENGTH]
    source = reader.source.get("number")
    if source is not None and values["number"] != str(source):
        reader.replaced["number"] = source


def content_of(
    is_reply: bool, location: dict[str, Any] | None, contacts: list[Any], type_: str, media: str
) -> str:
    """Return the content of a message: first by its fields, because the types contradict them."""
    if is_reply:
        return "reply"
    if location is not None:
        return "location"
    if contacts:
        return "contact"
    if content := _CONTENT_OF_TYPE.get(type_):
        return content
    if media.strip():
        return "document"
    return "other" if type_ else "text"
