"""A month of a shop's events, for the questions and the pictures."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

from django.utils import timezone

from pickyassist_webhooks import ingest
from pickyassist_webhooks.inbox import worker
from pickyassist_webhooks.models.requests import requests as requests_of_the_app
from pickyassist_webhooks.pushes import record_push
from pickyassist_webhooks.signals import member_joined
from pickyassist_webhooks.testing import push_answer
from tests.requests import PROJECT, chat, delivery, filtered, member, row, subscriber

DAYS = 32

#: Messages to Brazil, yesterday.
BRAZIL = 12

#: Errors of phones and networks, and their share in percent.
ERRORS = (
    ("131026", "Message undeliverable", 55),
    ("131047", "More than 24 hours have passed since the recipient last replied", 30),
    ("470", "Re-engagement message", 15),
)

#: The message, and the reference, that the questions are about.
LOST, CONFLICT, ORDER = "wamid.LOST", "wamid.CONFLICT", "ORD-1042"

#: The message that a customer answers, its push and reference, and the customer's number.
ASKED, ASKED_PUSH = "wamid.ASKED", "shipping-57"
ASKED_ORDER, CUSTOMER = "ORD-1057", "15552001057"

#: The service that the shop's receiver calls. Once it works again, failed calls can be retried.
crm = SimpleNamespace(is_down=False)


def fill(now: datetime | None = None) -> None:
    """Keep and process a month of requests, each at its own time."""
    with failing_receiver():
        for body, at in requests(now or timezone.now()):
            take(body, at)
    answer = push_answer({"msg_id": ASKED, "number": CUSTOMER}, push_id=ASKED_PUSH)
    record_push(answer, project_id=PROJECT, references=ASKED_ORDER)


def requests(now: datetime) -> Iterator[tuple[Any, datetime]]:
    """Yield the body and the time of each request: always the same ones, up to ``now``."""
    chance = random.Random(42)
    for ago in reversed(range(DAYS)):
        # The last one is a few minutes old, at any hour.
        for body in _day(chance, DAYS - ago):
            yield body, now - timedelta(days=ago, minutes=9)
    yield {"project_id": "4100", "event_id": 9, "order": "new kind"}, now - timedelta(days=2)
    yield {"project_id": "4100", "event_id": 9, "order": "again"}, now - timedelta(hours=3)
    yield b'{"project_id": "4100", "event_id": 1, "data": [', now - timedelta(days=5)
    yield from _talks(now)
    yield from _abroad(now)
    broken = delivery(row("wamid.GOOD"), row("wamid.BAD", "read"), {"number": "15550009999"})
    yield broken, now - timedelta(hours=2)


def take(body: Any, at: datetime) -> Any:
    """Keep a request as of a time, and process it."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    stored = requests_of_the_app()
    kept = worker.keep(
        stored.new(data, received_at=at, content_type="application/json", secret_label="shop")
    )
    ingest.process(kept.pk)
    # The month would otherwise seem to be processed today.
    took = timedelta(milliseconds=4, microseconds=10 * len(data))
    stored.exclude(finished_at=None).filter(pk=kept.pk).update(
        processed_at=at + took / 2, finished_at=at + took
    )
    return stored.get(pk=kept.pk)


def _day(chance: random.Random, day: int) -> Iterator[Any]:
    """Yield the requests of one day: a campaign, its reports, and joins and exits."""
    # Sundays are quiet.
    sent = 4 if day % 7 == 0 else chance.randrange(18, 40)
    messages = [_message(day, number) for number in range(sent)]
    yield delivery(*(each | {"status": "4"} for each in messages))
    reached = [each for each in messages if chance.random() < 0.93]
    yield delivery(*(each | {"status": "1"} for each in reached))
    read = [each for each in reached if chance.random() < 0.7]
    if read:
        yield delivery(*(each | {"status": "3"} for each in read))
    failed = [each | {"status": "2"} | _error(chance) for each in messages if each not in reached]
    if failed:
        yield delivery(*failed)
    refunded = [each | {"status": "5"} for each in failed if chance.random() < 0.3]
    if refunded:
        yield delivery(*refunded)
    if day == DAYS - 3:
        yield from _story()
    if day % 3 == 0:
        numbers = [_number(chance.randrange(400)) for _ in range(6)]
        yield filtered(
            *(
                {"push_id": f"filter-{day}", "number": number, "status": str(1 + (n % 4 == 0))}
                for n, number in enumerate(numbers)
            )
        )
    if day % 2:
        yield member(
            number=_number(day), group_id="120363041", group_subject="Early birds", new_field="x"
        )
    if day % 5 == 4:
        yield member(2, number=_number(day - 1), group_id="120363041", group_subject="Early birds")
    for number in range(chance.randrange(0, 4)):
        yield subscriber(
            subscriber_id=f"S{day}-{number}",
            mobile=_number(day * 10 + number),
            name=chance.choice(("Asha", "Ben", "Carla", "Dinesh")),
            channel=chance.choice(("8", "8", "11", "5")),
        )


def _story() -> Iterator[Any]:
    """Yield the messages of the questions: one that failed, and one that was received as well."""
    lost = _message(0, 1) | {"msg_id": LOST, "reference_number": ORDER}
    yield delivery(lost | {"status": "4"})
    code, text, _ = ERRORS[0]
    yield delivery(lost | {"status": "2", "error_code": code, "error_message": text})
    conflict = _message(0, 2) | {"msg_id": CONFLICT, "reference_number": ORDER}
    for status in "4215":
        yield delivery(conflict | {"status": status})


def _talks(now: datetime) -> Iterator[tuple[Any, datetime]]:
    """Yield questions of the month, with an answer to most, and a talk about one order."""
    for ago in range(DAYS - 1, 0, -1):
        asked = {"number": _number(ago), "name": "Carla"}
        at = now - timedelta(days=ago, minutes=50)
        yield chat(f"8800{ago:05}", **asked, message_in_raw="Where is my order?"), at
        if ago % 4:
            answer = chat(f"8801{ago:05}", **asked, message_in_raw="On its way!", direction=1)
            yield answer, at + timedelta(minutes=3 + ago)
    sent = row(ASKED, "4", push_id=ASKED_PUSH, number=CUSTOMER, reference_number=ASKED_ORDER)
    for minutes, status in ((240, "4"), (239, "1"), (231, "3")):
        yield delivery(sent | {"status": status}), now - timedelta(minutes=minutes)
    for number, (minutes, text, fields) in enumerate(TALK):
        who = {"number": CUSTOMER, "name": "" if fields.get("direction") else "Asha"}
        message = chat(f"88100{number}", **who | fields, message_in_raw=text)
        yield message, now - timedelta(minutes=minutes)


def _abroad(now: datetime) -> Iterator[tuple[Any, datetime]]:
    """Yield yesterday's messages to Brazil, of which half failed."""
    at = now - timedelta(days=1, minutes=9)
    messages = [
        row(f"wamid.BR{n}", push_id="brazil", number=f"55119876500{n:02}", channel_id="8")
        for n in range(BRAZIL)
    ]
    yield delivery(*(each | {"status": "4"} for each in messages)), at
    yield delivery(*(each | {"status": "1"} for each in messages[::2])), at
    code, text, _ = ERRORS[0]
    error = {"status": "2", "error_code": code, "error_message": text}
    yield delivery(*(each | error for each in messages[1::2])), at


#: Minutes before now, text and more fields of each chat message about the order.
TALK: tuple[tuple[int, str, dict[str, Any]], ...] = (
    (229, "Later, please", {"type": 9, "payload": "later", "context_msg_id": ASKED}),
    (228, "I am away until Friday. Can you bring it then?", {}),
    (221, "Of course. Which door is it?", {"direction": 1}),
    (
        219,
        "The blue one",
        {"type": 2, "media_url": "https://cdn.example.org/door.jpeg", "context_msg_id": ASKED},
    ),
    (218, "", {"type": 5, "location": {"lat": 52.51, "long": 13.39, "name": "Example Road 7"}}),
    (212, "Thank you, see you on Friday!", {"direction": 1}),
)


def _message(day: int, number: int) -> dict[str, Any]:
    return row(
        f"wamid.{day:02}{number:03}",
        push_id=f"campaign-{day:02}",
        number=_number(number * 7 + day),
        reference_number=f"ORD-{day:02}{number:02}",
        channel_id="8",
        message="Your order is on its way",
    )


def _number(number: int) -> str:
    return f"1555{1000000 + number * 37}"


def _error(chance: random.Random) -> dict[str, str]:
    [(code, text, _)] = chance.choices(ERRORS, [weight for _, _, weight in ERRORS])
    return {"error_code": code, "error_message": text}


@contextmanager
def failing_receiver() -> Iterator[None]:
    """Let a receiver fail on some of those who join."""
    member_joined.connect(add_to_crm)
    crm.is_down = True
    try:
        yield
    finally:
        crm.is_down = False
        member_joined.disconnect(add_to_crm)


def add_to_crm(sender: Any, event: Any, **named: Any) -> None:
    """Raise as a receiver does whose other side is down."""
    if crm.is_down and event.number.endswith("7"):
        raise ConnectionError("crm.example did not answer within 10 seconds")


# As a shop would call it: the admin names receivers by their modules.
add_to_crm.__module__ = "shop.receivers"
