"""A naive reference: random sequences of payloads, and the rows that they must become.

It imports nothing from the app. The rules are those of docs/meaning.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.requests import chat, delivery, filtered, member, row, subscriber

Payload = dict[str, Any]
Identity = tuple[Any, ...]

#: From the lowest to the highest, as in docs/meaning.md; 9 is undocumented.
RANKS = (None, 0, 9, 4, 2, 5, 1, 3)

#: Columns that a repeat can fill, and the vendor's names.
REPORT = {
    name: name for name in ("push_id", "number", "reference_number", "error_code", "error_message")
}
COLUMNS = {
    "DeliveryReport": REPORT
    | {name: name for name in ("message", "message_type", "media", "template_id")}
    | {"channel": "channel_id"},
    "FilterReport": REPORT,
    "GroupMemberEvent": {"group_subject": "group_subject"},
    "NewSubscriber": {name: name for name in ("name", "email", "message")} | {"number": "mobile"},
    "ChatMessage": {
        **{"number": "number", "name": "name", "text": "message_in_raw", "payload": "payload"},
        **{"media": "media-url", "context_msg_id": "context-msg-id"},
    },
}
OF_ERRORS = ("error_code", "error_message")
OF_MESSAGES = ("push_id", "number", "reference_number", "channel")
#: Statuses whose reports can name the error of a message, in the order of ``RANKS``.
FAILURES = (0, 9, 2, 5)
#: By the vendor's id of the event; a chat message has none.
MODELS = dict(enumerate(COLUMNS, 1))
#: Message ids that name no message.
NO_MESSAGE = ("", "0")


def sequence(chance: Random, length: int) -> list[Payload]:
    """Return payloads with few ids. Many are repeated or overlap with their neighbours."""
    payloads: list[Payload] = []
    while len(payloads) < length:
        start = len(payloads) // 8
        if payloads and chance.random() < 0.25:
            payloads.append(_shuffled(chance, chance.choice(payloads[-10:])))
        elif chance.random() < 0.1:
            # At once, so that workers compete for one member.
            payloads += [_member(chance, start) for _ in range(chance.randrange(2, 9))]
        else:
            make = chance.choices((_reports, _subscriber, _chat), (6, 1, 2))[0]
            payloads.append(make(chance, start))
    return payloads


def _shuffled(chance: Random, payload: Payload) -> Payload:
    if "data" not in payload:
        return payload
    rows = list(payload["data"])
    return payload | {"data": chance.sample(rows, len(rows))}


def _reports(chance: Random, start: int) -> Payload:
    make = chance.choices((delivery, filtered), (5, 1))[0]
    return make(
        *[_report(chance, start) for _ in range(chance.choice((1, 1, 1, 2, 5, 50)))],
        project_id=chance.choice(("4100", "4200")),
    )


def _report(chance: Random, start: int) -> Payload:
    names = [*REPORT, "message", "message_type", "media", "template_id", "channel_id"]
    values = {name: chance.choice(("", f"{name} 1", f"{name} 2", None)) for name in names}
    # Without a message ID, these two identify the report.
    values |= {"push_id": f"P{chance.randrange(2)}", "number": f"1555000000{chance.randrange(2)}"}
    msg_id = chance.choice(("", "0", *[f"M{start + number}" for number in range(8)]))
    if msg_id.startswith("M") and chance.random() < 0.5:
        values |= {"push_id": "", "number": None}
    status = chance.choice([status for status in RANKS if status is not None])
    return row(msg_id, chance.choice((status, str(status))), **values)


def _member(chance: Random, start: int) -> Payload:
    return member(
        chance.choice((1, 2)),
        group_subject=chance.choice(("Team", "")),
        number=f"15550000{start % 1000:03}",
    )


def _subscriber(chance: Random, start: int) -> Payload:
    return subscriber(
        subscriber_id=chance.choice(("", f"S{start}", f"S{start + 1}")),
        mobile=f"1555000000{chance.randrange(2)}",
        date=f"2026-01-{1 + start % 28:02}T12:00:00+05:30",
        **{name: chance.choice(("", f"{name} 1", f"{name} 2")) for name in ("name", "email")},
    )


def _chat(chance: Random, start: int) -> Payload:
    start += 1  # the id 0 names no message
    unique_id = chance.choice((f"{start}", start, f"{start + 1}"))
    fields = {
        name: chance.choice(("", f"{name} 1", f"{name} 2", None))
        for name in ("name", "message_in_raw", "payload", "media_url")
    }
    return chat(
        unique_id,
        direction=chance.choice((0, "0", 1, "1", "")),
        number=chance.choice(("15550000000", "")),
        context_msg_id=f"M{start + chance.randrange(8)}",
        **fields,
    )


@dataclass
class Event:
    """An event or message: the requests that brought it, and all values of each column."""

    requests: list[int] = field(default_factory=list)
    values: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    #: The status of the message before this report.
    previous_status: int | None = None

    def collect(self, values: dict[str, str]) -> None:
        for name, value in values.items():
            self.values[name].append(value)


@dataclass
class Message(Event):
    statuses: list[int | None] = field(default_factory=lambda: [None])
    #: The error codes and messages of the reports with each status.
    errors: dict[int, Event] = field(default_factory=lambda: defaultdict(Event))

    @property
    def error(self) -> Event:
        """The values of the highest status that has some."""
        if not self.errors:
            return Event()
        return max(self.errors.items(), key=lambda item: FAILURES.index(item[0]))[1]

    @property
    def status(self) -> int | None:
        return max(self.statuses, key=RANKS.index)


class Reference:
    """The events and messages of numbered payloads, received in this order."""

    def __init__(self, payloads: Iterable[tuple[int, Payload]]) -> None:
        self.events: dict[Identity, Event] = {}
        self.messages: dict[tuple[str, str], Message] = defaultdict(Message)
        #: The actions of each member, without repeats.
        self.actions: dict[tuple[str, str, str], list[int]] = defaultdict(list)
        for number, payload in payloads:
            model = MODELS[payload.get("event_id", len(MODELS))]
            project = payload.get("project_id") or payload["project-id"]
            for fields in payload.get("data", [payload]):
                self._add(number, self._identity(model, project, fields), fields)

    def _add(self, number: int, identity: Identity, fields: Payload) -> None:
        model, project = identity[:2]
        is_new = identity not in self.events
        event = self.events.setdefault(identity, Event())
        event.requests.append(number)
        values = {
            column: fields[name] for column, name in COLUMNS[model].items() if fields.get(name)
        }
        event.collect(values)
        if model != "DeliveryReport" or fields["msg_id"] in NO_MESSAGE:
            return
        message = self.messages[project, fields["msg_id"]]
        if is_new:
            event.previous_status = message.status
        message.statuses.append(int(fields["status"]))
        named = {name: values[name] for name in OF_ERRORS if name in values}
        if named and message.statuses[-1] in FAILURES:
            message.errors[message.statuses[-1]].collect(named)
        message.requests.append(number)
        message.collect({name: values[name] for name in OF_MESSAGES if name in values})

    def _identity(self, model: str, project: str, fields: Payload) -> Identity:
        if model == "GroupMemberEvent":
            member = (project, fields["group_id"], fields["number"])
            actions = self.actions[member]
            if actions[-1:] != [fields["action"]]:
                actions.append(fields["action"])
            return (model, *member, len(actions))
        if model == "NewSubscriber":
            who = fields["subscriber_id"] or (fields["mobile"],)
            return (model, project, who, fields["channel"], fields["date"])
        if model == "ChatMessage":
            return (model, project, str(fields["unique-id"]), int(fields["direction"] or 0))
        what = fields["msg_id"]
        if what in NO_MESSAGE:
            what = (fields["push_id"], fields["number"])
        return (model, project, what, int(fields["status"]))
