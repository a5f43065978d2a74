"""The load: threads that post events over HTTP and record the acknowledged ones."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import sha256
from http.client import HTTPConnection, HTTPException
from itertools import count
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

from tests.requests import chat, delivery, filtered, member, row, subscriber, url

SECONDS = 60
STATUSES = (4, 1, 3, 2, 5)


@dataclass
class Answer:
    status: int
    began: float
    seconds: float
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class Counts:
    """The answers; ``dropped`` connections ended without an answer."""

    sent: int = 0
    dropped: int = 0
    answers: list[Answer] = field(default_factory=list)

    def of(self, status: int) -> int:
        return sum(answer.status == status for answer in self.answers)

    def spooled(self) -> int:
        return sum(answer.body.get("state") == "spooled" for answer in self.answers)

    def slowest(self, begin: float = 0, end: float = float("inf")) -> float:
        """Return the longest wait for an answer to the requests begun in a period."""
        times = [answer.seconds for answer in self.answers if begin <= answer.began <= end]
        return round(max(times, default=0), 3)


def event(tag: str, number: int, filler: str = "") -> tuple[dict[str, Any], list[str]]:
    """Return the payload with this number, and the names of its events."""
    name = f"{tag}-{number}"
    kind = number % 7
    if kind == 3:
        return filtered(row(name, "1", number=f"1555{number:07}")), [f"filter {name}"]
    if kind == 4:
        return member(number=name, group_subject=filler[:200]), [f"member {name}"]
    if kind == 5:
        return subscriber(subscriber_id=name, message=filler), [f"subscriber {name}"]
    if kind == 6:
        answered = f"{tag}-{number - 4}-0"
        payload = chat(name, direction=number % 2, context_msg_id=answered, message_in_raw=filler)
        return payload, [f"chat {name}"]
    rows = [
        row(f"{name}-{index}", status, number=f"1555{number:07}", message=filler)
        for index, status in enumerate(STATUSES[: 1 + number % 5])
    ]
    return delivery(*rows), names_of(rows)


def names_of(rows: list[dict[str, Any]]) -> list[str]:
    """Return the names of delivery reports, one for each status of each message."""
    return [f"delivery {row['msg_id']} {row['status']}" for row in rows]


class Client:
    """Posts to the servers in turn and keeps a ledger of the acknowledged events."""

    def __init__(self, ledger: Path) -> None:
        self.ledger, self.counts, self._lock = ledger, Counts(), Lock()
        self.ports: list[int] = []

    def post(self, payload: Any, names: list[str], **headers: str) -> Answer | None:
        """Post a payload, and record the names of its events if it was acknowledged."""
        body = json.dumps(payload).encode()
        began = time.monotonic()
        with self._lock:
            port = self.ports[self.counts.sent % len(self.ports)]
            self.counts.sent += 1
        try:
            answer = self._send(port, body, began, headers)
        except (OSError, HTTPException):
            with self._lock:
                self.counts.dropped += 1
            return None
        with self._lock:
            self.counts.answers.append(answer)
            if answer.status == 200:
                self._write({"body": sha256(body).hexdigest(), "events": names})
        return answer

    def _send(self, port: int, body: bytes, began: float, headers: dict[str, str]) -> Answer:
        with closing(HTTPConnection("127.0.0.1", port, timeout=SECONDS)) as connection:
            connection.request("POST", url(), body, {"Content-Type": "application/json", **headers})
            response = connection.getresponse()
            text = response.read()
            seconds = time.monotonic() - began
            content = json.loads(text) if text.startswith(b"{") else {}
            return Answer(response.status, began, seconds, dict(response.headers), content)

    def _write(self, line: dict[str, Any]) -> None:
        with self.ledger.open("a") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def at_once(self, *calls: Callable[[], Any]) -> None:
        """Make each call in its own thread, and wait for them."""
        threads = [Thread(target=call) for call in calls]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


class Load:
    """Posts events at a steady rate during the ``with`` block."""

    def __init__(
        self, client: Client, tag: str, rate: float = 50, threads: int = 16, filler: str = ""
    ) -> None:
        self.client, self.tag, self.rate, self.filler = client, tag, rate, filler
        self._numbers, self._end = count(), Event()
        self._threads = [Thread(target=self._run) for _ in range(threads)]

    def __enter__(self) -> Load:
        self._began = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: Any) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while not self._end.is_set():
            number = next(self._numbers)
            pause = self._began + number / self.rate - time.monotonic()
            if self._end.wait(max(0, pause)):
                return
            self.client.post(*event(self.tag, number, self.filler))
