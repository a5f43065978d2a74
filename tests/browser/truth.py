"""The right answers, calculated from the posted requests and without the app."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from tests.browser import demo

DELIVERY, FILTERED, MEMBER, SUBSCRIBER = 1, 2, 3, 4


class Truth:
    """A shop's month, up to when it was asked about: days are those of UTC."""

    def __init__(self, now: datetime) -> None:
        self.requests = list(demo.requests(now))
        self.today = now.date()

    def events(self, event_id: int) -> Iterator[tuple[dict[str, Any], datetime]]:
        """Yield the events of a kind that are understood, and when each came."""
        for body, at in self.requests:
            if not isinstance(body, dict) or body.get("event_id") != event_id:
                continue
            for event in body.get("data", [body]):
                if event_id > FILTERED or event.get("status", "").isdecimal():
                    yield event, at

    def per_day(self, event_id: int) -> Counter[date]:
        return Counter(at.date() for _, at in self.events(event_id))

    def latest(self, event_id: int, days: int) -> int:
        """Return how many came in the last ``days`` days, of which today is one."""
        counts = self.per_day(event_id)
        return sum(counts[self.today - timedelta(days=ago)] for ago in range(days))

    def last_at(self, event_id: int) -> datetime:
        return max(at for _, at in self.events(event_id))

    def messages(self, days: int) -> dict[str, int]:
        """Return the number of messages that were first reported lately, and their results."""
        first: dict[str, datetime] = {}
        seen: defaultdict[str, set[str]] = defaultdict(set)
        for event, at in self.events(DELIVERY):
            first[event["msg_id"]] = min(first.get(event["msg_id"], at), at)
            seen[event["msg_id"]].add(event["status"])
        since = self.today - timedelta(days=days - 1)
        reported = [seen[msg_id] for msg_id, at in first.items() if at.date() >= since]
        received = [each for each in reported if each & {"1", "3"}]
        return {
            "Submitted": len(reported),
            "Delivered": len(received),
            "Read": sum("3" in each for each in received),
            "Failed": sum(not each & {"1", "3"} and bool(each & {"2", "5"}) for each in reported),
            "Refunded": sum("5" in each for each in reported),
        }

    def chats(self, days: int) -> list[tuple[datetime, int, str]]:
        """Return the time, direction and number of each chat message that came lately."""
        since = self.today - timedelta(days=days - 1)
        return [
            (at, body["direction"], body["number"])
            for body, at in self.requests
            if isinstance(body, dict) and "unique-id" in body and at.date() >= since
        ]

    def answers(self, days: int) -> tuple[int, int]:
        """Return how many questions were answered by phone or API lately, and how many came."""
        chats = self.chats(days)
        first: dict[tuple[str, str], datetime] = {}
        for event, at in self.events(DELIVERY):
            message = (event["msg_id"], event.get("number", ""))
            first[message] = min(first.get(message, at), at)
        sent = [(at, 1, number) for (_, number), at in first.items() if at >= min(chats)[0]]
        questions, answered, waiting = 0, 0, set()
        for _, direction, number in sorted([*chats, *sent]):
            if direction == 0 and number not in waiting:
                questions += 1
                waiting.add(number)
            elif direction == 1 and number in waiting:
                answered += 1
                waiting.remove(number)
        return answered, questions

    def errors(self, days: int) -> Counter[tuple[str, str]]:
        """Return how many lately reported messages failed with each error."""
        since = self.today - timedelta(days=days - 1)
        first: dict[str, datetime] = {}
        error: dict[str, tuple[str, str]] = {}
        received = set()
        for event, at in self.events(DELIVERY):
            first.setdefault(event["msg_id"], at)
            if event["status"] == "2" and event.get("error_code"):
                error[event["msg_id"]] = (event["error_code"], event["error_message"])
            elif event["status"] in ("1", "3"):
                received.add(event["msg_id"])
        return Counter(
            pair
            for msg_id, pair in error.items()
            if msg_id not in received and first[msg_id].date() >= since
        )

    def members(self) -> list[str]:
        """Return who is in the group now."""
        members: dict[str, None] = {}
        for event, _ in self.events(MEMBER):
            if event["action"] == 1:
                members[event["number"]] = None
            else:
                members.pop(event["number"], None)
        return list(members)
