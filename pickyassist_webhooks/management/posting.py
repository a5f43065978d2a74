"""Requests posted over HTTP as Picky Assist posts them: each on a connection of its own."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult

from django.core.management.base import CommandError

from ..choices import RequestState
from ..testing.traffic import Posting

_STATES = (*RequestState.values, "spooled")

#: Bytes of an answer that are read; those of this app have 4 kB at most.
MAX_ANSWER = 65536

#: Seconds that a server may say nothing.
TIMEOUT = 30.0


@dataclass(frozen=True)
class Answer:
    """What a server said: ``status`` 0 where it said nothing, and then ``fault`` says why."""

    is_sound: bool
    status: int = 0
    seconds: float = 0
    said: dict[str, Any] = field(default_factory=dict)
    fault: str = ""

    @property
    def name(self) -> str:
        """The status with the state of the request, or why there is none."""
        if not self.status:
            return self.fault
        # Whoever answers, nothing but what this app says goes to the terminal.
        state = self.said.get("state")
        return f"{self.status} {state}" if state in _STATES else f"{self.status}"

    def count(self, what: str) -> int:
        """Return how many rows were ``accepted``, ``repeats`` or ``problems``."""
        count = self.said.get(what)
        return count if isinstance(count, int) else 0

    @property
    def is_expected(self) -> bool:
        """Whether a working receiver says this: garbage may be refused, but as garbage."""
        if self.is_sound:
            return self.status == 200 and self.said.get("ok") is True
        return self.status in (200, 400, 415) and self.said.get("ok") is not None


def require_server(to: SplitResult) -> None:
    """Raise ``CommandError`` where nothing takes a connection."""
    where = (to.hostname or "", to.port or (443 if to.scheme == "https" else 80))
    try:
        socket.create_connection(where, timeout=5).close()
    except (OSError, UnicodeError) as err:  # the latter of a name that no name can be
        raise CommandError(
            f"Nothing answers at {where[0]}:{where[1]} ({type(err).__name__}); start your server, "
            "say by python manage.py runserver, or name the URL where it is."
        ) from err


def post_all(
    postings: Iterable[Posting], to: SplitResult, *, rate: float | None, connections: int
) -> Iterator[Answer]:
    """Post them, at most ``rate`` in a second, and yield the answers in the same order.

    Only with one connection does the server get them in that order, too.
    """
    waiting: deque[Future[Answer]] = deque()
    sender = _Sender(to)
    began = time.monotonic()
    with ThreadPoolExecutor(connections) as pool:
        try:
            for number, posting in enumerate(postings):
                if rate:
                    time.sleep(max(0, began + number / rate - time.monotonic()))
                waiting.append(pool.submit(sender.post, posting))
                while waiting and (waiting[0].done() or len(waiting) > connections):
                    yield _result(waiting.popleft())
            while waiting:
                yield _result(waiting.popleft())
        finally:
            # Something is left only where this was interrupted.
            pool.shutdown(wait=False, cancel_futures=True)
            sender.hang_up()


def _result(future: Future[Answer]) -> Answer:
    # Looked at now and then: a Ctrl-C that comes just before a wait without end would be heard only
    # after it.
    while not future.done():
        wait([future], timeout=0.5)
    return future.result()


class _Sender:
    """Posts to one URL, from several threads, until somebody hangs up."""

    def __init__(self, to: SplitResult) -> None:
        self.to = to
        self.open: set[http.client.HTTPConnection] = set()
        self.hung_up = False

    def post(self, posting: Posting) -> Answer:
        # http.client, unlike urllib, follows no redirect and takes no proxy from the environment.
        secure = self.to.scheme == "https"
        connect = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = connect(self.to.hostname or "", self.to.port, timeout=TIMEOUT)
        query = "&".join(filter(None, (self.to.query, posting.query)))
        path = f"{self.to.path}?{query}" if query else self.to.path
        headers = {"Content-Type": posting.content_type} if posting.content_type else {}
        began = time.monotonic()
        self.open.add(connection)
        try:
            connection.connect()
            if self.hung_up:
                raise ConnectionAbortedError
            connection.request("POST", path, posting.body, headers)
            response = connection.getresponse()
            body = response.read(MAX_ANSWER)
        except (OSError, http.client.HTTPException) as err:
            return Answer(posting.is_sound, fault=f"no answer ({type(err).__name__})")
        finally:
            self.open.discard(connection)
            connection.close()
        return Answer(posting.is_sound, response.status, time.monotonic() - began, _said(body))

    def hang_up(self) -> None:
        """End what is open, so that nobody waits for a server that says nothing."""
        # First, so that a connection is either ended here or gives up by itself.
        self.hung_up = True
        for connection in list(self.open):
            with suppress(OSError, AttributeError):  # which is not connected yet, or not any more
                connection.sock.shutdown(socket.SHUT_RDWR)


def _said(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}
