"""The vendor's vocabulary: what its events are told by, and what their fields are called.

From its page "Event Webhook Variables"; where its samples, its older pages and that page
contradict each other, every reading is accepted. Pure: no settings, no database.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .choices import EventKind
from .fields import MAX_LENGTH, PLAIN, Fields, parse_date

Reader = Callable[[Fields, str], Any]


@dataclass(frozen=True)
class Shape:
    """A kind of event and how it is told and read.

    ``fields`` maps the vendor's names to ours and to how a value is read. One of ``marks`` among
    the keys shows the shape: other webhooks of the vendor use the same ids. ``identify`` fills in
    or refuses what the event is known by.
    """

    kind: EventKind
    event_ids: frozenset[int]
    is_batch: bool
    marks: frozenset[str]
    fields: dict[str, tuple[str, Reader]]
    identify: Callable[[Fields, dict[str, Any]], None]

    def fits(self, row: Any) -> bool:
        return isinstance(row, dict) and not self.marks.isdisjoint(row)

    def read(self, fields: Fields) -> dict[str, Any]:
        values = {}
        for name, (ours, read) in self.fields.items():
            value, plain = fields.source.get(name), PLAIN.get(read)
            # Nearly every value is absent or plain, and then the fifteen of a row cost little.
            if plain is None:
                values[ours] = read(fields, name)
            elif value is None:
                values[ours] = ""
            elif (
                value.__class__ is str
                and len(value) <= MAX_LENGTH
                and value.isascii()
                and "\0" not in value
            ):
                values[ours] = plain(value)
            else:
                values[ours] = read(fields, name)
        self.identify(fields, values)
        return values


def _identify_report(fields: Fields, values: dict[str, Any]) -> None:
    if values["msg_id"] == "0":
        values["msg_id"] = ""
    if values["msg_id"]:
        return
    # Without a msg_id these two are the identity, and must not have been cut or blanked.
    values["push_id"] = fields.identifier("push_id")
    values["number"] = fields.identifier("number")
    if not (values["push_id"] and values["number"]):
        raise fields.missing("msg_id", "a msg_id, or a push_id and a number")


def _identify_member(fields: Fields, values: dict[str, Any]) -> None:
    for name in ("group_id", "number"):
        if not values[name]:
            raise fields.missing(name, "a text or a whole number")


def _identify_subscriber(fields: Fields, values: dict[str, Any]) -> None:
    if not values["subscriber_id"]:
        values["number"] = fields.identifier("mobile")
        if not values["number"]:
            raise fields.missing("subscriber_id", "a subscriber_id or a mobile number")
    values["date"] = parse_date(values["date_text"])


_REPORT: dict[str, tuple[str, Reader]] = {
    "msg_id": ("msg_id", Fields.identifier),
    "push_id": ("push_id", Fields.word),
    "number": ("number", Fields.word),
    "status": ("status", Fields.integer),
    "reference_number": ("reference_number", Fields.word),
    "error_code": ("error_code", Fields.word),
    "error_message": ("error_message", Fields.text),
}
SHAPES = (
    Shape(
        EventKind.DELIVERY_REPORT,
        frozenset({1}),
        True,
        frozenset({"push_id", "msg_id", "status"}),
        {
            **_REPORT,
            "message": ("message", Fields.text),
            "message_type": ("message_type", Fields.word),
            "media": ("media", Fields.text),
            "channel_id": ("channel", Fields.word),
            "agent_id": ("agent_id", Fields.word),
            "template_id": ("template_id", Fields.word),
            "source": ("source", Fields.word),
        },
        _identify_report,
    ),
    Shape(
        EventKind.FILTER_REPORT,
        frozenset({2}),
        True,
        frozenset({"push_id", "msg_id", "status"}),
        _REPORT,
        _identify_report,
    ),
    Shape(
        EventKind.GROUP_MEMBER,
        frozenset({3}),
        False,
        frozenset({"group_id", "action"}),
        {
            "action": ("action", Fields.integer),
            "group_id": ("group_id", Fields.identifier),
            "group_subject": ("group_subject", Fields.short),
            "number": ("number", Fields.identifier),
            "application": ("channel", Fields.word),
        },
        _identify_member,
    ),
    Shape(
        EventKind.NEW_SUBSCRIBER,
        # The vendor's table says 5; its heading, its index and its samples say 4.
        frozenset({4, 5}),
        False,
        frozenset({"subscriber_id", "mobile"}),
        {
            "subscriber_id": ("subscriber_id", Fields.identifier),
            "mobile": ("number", Fields.word),
            "name": ("name", Fields.short),
            "email": ("email", Fields.short),
            "profile_pic": ("profile_pic", Fields.text),
            "channel": ("channel", Fields.word),
            "message": ("message", Fields.text),
            "date": ("date_text", Fields.word),
        },
        _identify_subscriber,
    ),
)
ENVELOPE = frozenset({"project_id", "event_id"})

# Other payloads that people point at this URL: keys that show them, code, what to do.
FOREIGN = (
    (
        {"message-in", "message_in", "message-in-raw", "message_in_raw", "unique-id", "project-id"},
        "global_webhook",
        "an Event Webhook: this is the Global Webhook's payload, pasted into the wrong box",
    ),
    (
        {"event_description", "event_name"},
        "teambox_webhook",
        "an Event Webhook: this is the Teambox Event Webhook's payload",
    ),
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
