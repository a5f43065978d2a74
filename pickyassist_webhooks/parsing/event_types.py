"""The vendor's vocabulary: how to recognise its events, and the names of their fields.

From its page "Event Webhook Variables". If its samples, its older pages and that page contradict
each other, every variant is accepted.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import dataclass
from typing import Any

from ..choices import EventKind
from . import chat
from .values import MAX_LENGTH, FieldReader, parse_date

ENVELOPE = frozenset({"project_id", "event_id"})

ReadMethod = Callable[[FieldReader, str], Any]
Fields = dict[str, tuple[str, ReadMethod]]
#: The result of each read method for a plain text: ASCII without NUL, not too long.
_PLAIN: dict[ReadMethod, Callable[[str], str]] = {
    FieldReader.identifier: str.strip,
    FieldReader.word: str.strip,
    FieldReader.text: str,
    FieldReader.short: str,
}


@dataclass(frozen=True)
class EventType:
    """A kind of event: how to recognise and read it.

    ``fields`` maps the vendor's names to our columns and to read methods. The keys must include
    one of ``signature_fields``, because other webhooks of the vendor use the same ids.
    ``identify`` fills in the event's identity, or refuses it.
    """

    kind: EventKind
    event_ids: Set[int]
    is_batch: bool
    signature_fields: Set[str]
    fields: Fields
    identify: Callable[[FieldReader, dict[str, Any]], None]
    #: Lists of fields: an event has all fields of one list, or ``identify`` refuses it.
    known_by: tuple[tuple[str, ...], ...]
    #: Names that are read too, but not by ``fields``.
    envelope: Set[str] = ENVELOPE

    def fits(self, row: Any) -> bool:
        return isinstance(row, dict) and not self.signature_fields.isdisjoint(row)

    def read(self, reader: FieldReader) -> dict[str, Any]:
        """Return the value of each column. Raises ``InvalidPayload``."""
        values, get = {}, reader.source.get
        for name, (column, read) in self.fields.items():
            value = get(name, "")
            # Nearly every value is missing or plain: this makes a row twice as fast.
            plain = _PLAIN.get(read) if value.__class__ is str else None
            if plain and len(value) <= MAX_LENGTH and value.isascii() and "\0" not in value:
                values[column] = value and plain(value)
            else:
                values[column] = read(reader, name)
        self.identify(reader, values)
        return values


def _identify_report(reader: FieldReader, values: dict[str, Any]) -> None:
    if values["msg_id"] not in ("", "0"):
        return
    # Without a msg_id these two are the identity, so they must not be cut or blanked.
    push_id, number = reader.identifier("push_id"), reader.identifier("number")
    if not (push_id and number):
        raise reader.missing("msg_id", "a msg_id, or a push_id and a number")
    values |= {"msg_id": "", "push_id": push_id, "number": number}


def _identify_member(reader: FieldReader, values: dict[str, Any]) -> None:
    for name in ("group_id", "number"):
        if not values[name]:
            raise reader.missing(name, "a text or a whole number")


def _identify_subscriber(reader: FieldReader, values: dict[str, Any]) -> None:
    if values["subscriber_id"] in ("", "0"):
        values["subscriber_id"] = ""
        values["number"] = reader.identifier("mobile")
        if not values["number"]:
            raise reader.missing("subscriber_id", "a subscriber_id or a mobile number")
    values["date"] = parse_date(values["date_text"])


_REPORT: Fields = {
    "msg_id": ("msg_id", FieldReader.identifier),
    "push_id": ("push_id", FieldReader.word),
    "number": ("number", FieldReader.word),
    "status": ("status", FieldReader.integer),
    "reference_number": ("reference_number", FieldReader.word),
    "error_code": ("error_code", FieldReader.word),
    "error_message": ("error_message", FieldReader.text),
}
_DELIVERY: Fields = _REPORT | {
    "message": ("message", FieldReader.text),
    "message_type": ("message_type", FieldReader.word),
    "media": ("media", FieldReader.text),
    "channel_id": ("channel", FieldReader.word),
    "agent_id": ("agent_id", FieldReader.word),
    "template_id": ("template_id", FieldReader.word),
    "source": ("source", FieldReader.word),
}
_MEMBER: Fields = {
    "action": ("action", FieldReader.integer),
    "group_id": ("group_id", FieldReader.identifier),
    "group_subject": ("group_subject", FieldReader.short),
    "number": ("number", FieldReader.identifier),
    "application": ("channel", FieldReader.word),
}
_SUBSCRIBER: Fields = {
    "subscriber_id": ("subscriber_id", FieldReader.identifier),
    "mobile": ("number", FieldReader.word),
    "name": ("name", FieldReader.short),
    "email": ("email", FieldReader.short),
    "profile_pic": ("profile_pic", FieldReader.text),
    "channel": ("channel", FieldReader.word),
    "message": ("message", FieldReader.text),
    "date": ("date_text", FieldReader.word),
}
_CHAT: Fields = {
    "number": ("number", FieldReader.text),
    "direction": ("direction", chat.direction),
    "unique-id": ("unique_id", FieldReader.identifier),
    "messenger_id": ("messenger_id", FieldReader.word),
    "name": ("name", FieldReader.short),
    "message-in": ("text", chat.text),
    "type": ("type", FieldReader.word),
    "media-url": ("media", FieldReader.text),
    "application": ("channel", FieldReader.word),
    "group-id": ("group_id", FieldReader.word),
    "context-msg-id": ("context_msg_id", FieldReader.word),
    "interactive": ("reply_id", chat.reply),
    "payload": ("payload", FieldReader.text),
    "location": ("location", chat.an_object),
    "contact": ("contacts", chat.a_list),
    "group-mentions": ("mentions", chat.a_list),
}
_OF_REPORT = {"push_id", "msg_id", "status"}
_KNOWN_BY_REPORT = (("msg_id",), ("push_id", "number"))
DELIVERY_REPORTS = EventType(
    EventKind.DELIVERY_REPORT, {1}, True, _OF_REPORT, _DELIVERY, _identify_report, _KNOWN_BY_REPORT
)
FILTER_REPORTS = EventType(
    EventKind.FILTER_REPORT, {2}, True, _OF_REPORT, _REPORT, _identify_report, _KNOWN_BY_REPORT
)
GROUP_MEMBER = EventType(
    EventKind.GROUP_MEMBER,
    {3},
    False,
    {"group_id", "action"},
    _MEMBER,
    _identify_member,
    (("group_id", "number"),),
)
# The vendor's table says that a new subscriber is 5; its heading, its index and its samples say 4.
NEW_SUBSCRIBER = EventType(
    EventKind.NEW_SUBSCRIBER,
    {4, 5},
    False,
    {"subscriber_id", "mobile"},
    _SUBSCRIBER,
    _identify_subscriber,
    (("subscriber_id",), ("mobile",)),
)
#: Told by its shape: the payload of the Global Webhook has no ``event_id``.
CHAT_MESSAGE = EventType(
    EventKind.CHAT_MESSAGE,
    frozenset(),
    False,
    frozenset(chat.NAMES),
    _CHAT,
    chat.identify,
    (("unique-id",), ("number",), ("messenger_id",)),
    envelope=frozenset({"event_id", "project-id", "message_in_raw"}),
)
EVENT_TYPES = (DELIVERY_REPORTS, FILTER_REPORTS, GROUP_MEMBER, NEW_SUBSCRIBER, CHAT_MESSAGE)

#: The payload of another webhook that people point at this URL: signature fields, code, next step.
Webhook = tuple[set[str], str, str]
#: Its ids are those of events.
TEAMBOX: Webhook = (
    {"event_description", "event_name"},
    "teambox_webhook",
    "an Event Webhook: this is the Teambox Event Webhook's payload",
)
FOREIGN: tuple[Webhook, ...] = (
    TEAMBOX,
    (
        {"time", "message_type"},
        "pull_report",
        "an Event Webhook: this is an answer of the delivery report API",
    ),
    (
        {"entry", "object"},
        "whatsapp_cloud_webhook",
        "an Event Webhook: this is a payload of Meta's WhatsApp Cloud API",
    ),
)
