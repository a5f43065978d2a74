"""Simulated traffic of Picky Assist: scenarios of related requests, and noise.

The unit of time is the scenario: one starts at each whole number.
"""

from __future__ import annotations

import heapq
import itertools
import json
import random
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..choices import CHANNELS, DeliveryStatus, EventKind, FilterStatus, GroupAction
from .builders import (
    Payload,
    batch,
    chat_message,
    delivery_report,
    filter_report,
    group_member,
    new_subscriber,
)

if TYPE_CHECKING:
    from .vendor import FakeVendor


@dataclass(frozen=True)
class Posting:
    """One request: its body and content type, and whether the app should accept it."""

    body: bytes
    content_type: str = "application/json"
    query: str = ""
    is_sound: bool = True


#: Related requests, each with its delay after the start.
Scenario = list[tuple[float, Posting]]


@dataclass(frozen=True)
class Noise:
    """Probabilities, from 0 to 1, that a posting is sent twice, sent late, or joined by garbage."""

    repeats: float = 0
    disorder: float = 0
    garbage: float = 0


#: The statuses of a message in order, with their frequency in percent.
_COURSES: dict[tuple[DeliveryStatus, ...], int] = {
    (DeliveryStatus.SUBMITTED, DeliveryStatus.DELIVERED, DeliveryStatus.READ): 60,
    (DeliveryStatus.SUBMITTED, DeliveryStatus.DELIVERED): 22,
    (DeliveryStatus.SUBMITTED, DeliveryStatus.FAILED): 8,
    (DeliveryStatus.SUBMITTED, DeliveryStatus.FAILED, DeliveryStatus.REFUNDED): 4,
    (DeliveryStatus.SUBMITTED,): 6,
}
_FAILURES = {
    DeliveryStatus.FAILED: "The number is not on WhatsApp",
    DeliveryStatus.REFUNDED: "The credit was returned",
}
_PEOPLE = ("Ada Example", "Grace Sample", "Alan Muster", "Linus Prøve", "माया उदाहरण", "")
_GROUPS = ("Book club", "Neighbours", "Early customers")
_QUESTIONS = ("Where is my order?", "Yes", "No, thank you", "कब आएगा?", "🙂")
#: The button of a template and its payload.
_REPLIES = (("Yes", "confirm"), ("Cancel", "cancel"), ("Later", "later"))
#: Pushed messages that a simulated person can still answer, the newest.
_ANSWERABLE = 100
_GARBAGE = (
    b"",
    b"ping",
    b"[]",
    b'{"project_id": "4100", "event_id": 1, "data": [{"msg_id": "cut',
    b'{"event_id": 99, "data": [{"msg_id": "M1", "status": "1"}]}',
    b'{"event_id": 1, "data": [{"number": "15550001111"}]}',
    b'{"event_id": 1, "data": [{"msg_id": "M1", "status": "almost"}]}',
    b'{"name": "Ada", "message-in": "Hello"}',
    b'{"unique-id": "1", "direction": "in"}',
    b'{"msg_id": "\xff\xfe", "status": 1}',
    b"[" * 100 + b"]" * 100,
)


def made_up(
    kinds: Iterable[EventKind], rows: int, chance: random.Random, project_id: str | None = None
) -> Iterator[Scenario]:
    """Yield scenarios without end, of each kind in turn; a batch of reports has ``rows`` rows.

    All belong to one project; the default is one that the settings accept. If there are reports
    too, some chat messages answer their messages.
    """
    pushed: deque[Payload] = deque(maxlen=_ANSWERABLE)
    groups = [group_member(group_subject=subject) for subject in _GROUPS]
    make: dict[EventKind, Callable[[], list[tuple[float, Payload]]]] = {
        EventKind.DELIVERY_REPORT: lambda: _messages(rows, chance, pushed),
        EventKind.FILTER_REPORT: lambda: [(0, _verdicts(rows, chance))],
        EventKind.GROUP_MEMBER: lambda: _member(chance.choice(groups), chance),
        EventKind.NEW_SUBSCRIBER: lambda: [(0, _subscriber(chance))],
        EventKind.CHAT_MESSAGE: lambda: _conversation(chance, pushed),
    }
    turns = itertools.cycle(kinds)
    while True:
        scenario = make[next(turns)]()
        yield [
            (after, Posting(json.dumps(_of_project(payload, project_id)).encode()))
            for after, payload in scenario
        ]


def pushed(
    vendor: FakeVendor, rows: int, chance: random.Random, record: Callable[[Payload], object]
) -> Iterator[Scenario]:
    """Yield scenarios without end: the reports of pushes that ``record`` knows, without lost ones.

    Each push has ``rows`` messages.
    """
    while True:
        [course] = chance.choices(list(_COURSES), weights=list(_COURSES.values()))
        answer = vendor.push(*[{}] * rows, course=course)
        record(answer)
        after, scenario = 0.0, []
        for report in vendor.reports(answer["push_id"]):
            scenario.append((after, Posting(json.dumps(report).encode())))
            after += chance.expovariate(0.5)
        yield scenario


def _of_project(payload: Payload, project_id: str | None) -> Payload:
    name = "project_id" if "project_id" in payload else "project-id"
    return payload if project_id is None else payload | {name: project_id}


def in_order(
    scenarios: Iterable[Scenario], noise: Noise, chance: random.Random
) -> Iterator[Posting]:
    """Yield the postings of many scenarios in the order of their times, with noise."""
    waiting: list[tuple[float, int, Posting]] = []
    number = itertools.count()  # keeps the order of postings at the same time

    def add(at: float, posting: Posting) -> None:
        heapq.heappush(waiting, (at, next(number), posting))

    for now, scenario in enumerate(scenarios):
        for after, posting in scenario:
            late = chance.expovariate(0.2) if chance.random() < noise.disorder else 0
            add(now + after + late, posting)
            if chance.random() < noise.repeats:
                add(now + after + late + chance.expovariate(0.2), posting)
            if chance.random() < noise.garbage:
                add(now + after, Posting(chance.choice(_GARBAGE), is_sound=False))
        while waiting and waiting[0][0] <= now:
            yield heapq.heappop(waiting)[2]
    while waiting:
        yield heapq.heappop(waiting)[2]


def _messages(
    rows: int, chance: random.Random, pushed: deque[Payload]
) -> list[tuple[float, Payload]]:
    """Return the reports on the messages of one push: one batch for each step."""
    channel = chance.choice(list(CHANNELS))
    push = delivery_report(channel_id=channel, message="Your order is on its way")["data"][0]
    courses = chance.choices(list(_COURSES), weights=list(_COURSES.values()), k=rows)
    own = ("push_id", "channel_id", "message")
    messages = [
        delivery_report(**{name: push[name] for name in own})["data"][0] for _ in range(rows)
    ]
    pushed.extend(messages)
    steps = []
    after = 0.0
    for step in range(max(map(len, courses))):
        reports = [
            _report(message, course[step])
            for message, course in zip(messages, courses, strict=True)
            if step < len(course)
        ]
        steps.append((after, batch(*reports)))
        after += chance.expovariate(0.5)
    return steps


def _report(message: dict[str, Any], status: DeliveryStatus) -> Payload:
    error = {"error_message": _FAILURES[status]} if status in _FAILURES else {}
    return delivery_report(**message | {"status": str(status.value)} | error)


def _verdicts(rows: int, chance: random.Random) -> Payload:
    statuses = chance.choices(FilterStatus.values, weights=[1, 6, 3], k=rows)
    return batch(*[filter_report(status=str(status)) for status in statuses])


def _member(group: Payload, chance: random.Random) -> list[tuple[float, Payload]]:
    """Return the join event of a group member; one in three also leaves."""
    own = {name: group[name] for name in ("group_id", "group_subject")}
    joined = group_member(**own, action=GroupAction.JOINED.value)
    if chance.random() < 2 / 3:
        return [(0, joined)]
    return [(0, joined), (chance.expovariate(0.1), joined | {"action": GroupAction.EXITED.value})]


def _conversation(chance: random.Random, pushed: deque[Payload]) -> list[tuple[float, Payload]]:
    """Return a message of a person, often an answer to a pushed one.

    The phone answers half of them.
    """
    fields = {"name": chance.choice(_PEOPLE), "message_in_raw": chance.choice(_QUESTIONS)}
    if pushed and chance.random() < 2 / 3:
        message = chance.choice(pushed)
        text, payload = chance.choice(_REPLIES)
        answered = {"number": message["number"], "context_msg_id": message["msg_id"]}
        fields |= answered | {"message_in_raw": text, "payload": payload, "type": 9}
    asked = chat_message(**fields)
    if chance.random() < 1 / 2:
        return [(0, asked)]
    thanks = chat_message(number=asked["number"], message_in_raw="Thank you!", direction=1)
    return [(0, asked), (chance.expovariate(0.5), thanks)]


def _subscriber(chance: random.Random) -> Payload:
    return new_subscriber(channel=chance.choice(list(CHANNELS)), name=chance.choice(_PEOPLE))
