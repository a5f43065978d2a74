"""Post requests over HTTP as Picky Assist does: each on its own connection."""

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
from urllib.parse import SplitResult, quote

from django.core.management.base import CommandError

from ..choices import RequestState
from ..testing.traffic import Posting

_STATES = (*RequestState.values, "spooled")

#: Bytes of a response to read; those of this app have at most 4 kB.
MAX_ANSWER = 65536

#: Characters of a query that stay as they are.
_SAFE = "%&=+;/?:@!$'()*,~"

#: Seconds to wait for a server that does not respond.
TIMEOUT = 30.0


@dataclass(frozen=True)
class Answer:
    """The response of a server. If there is none, ``status`` is 0 and ``fault`` says why."""

    is_sound: bool
    status: int = 0
    seconds: float = 0
    content: dict[str, Any] = field(default_factory=dict)
    fault: str = ""

    @property
    def name(self) -> str:
        """The status and the state of the request, or the reason if there is no response."""
        if not self.status:
            return self.fault
        # The server can be any program, so print only states of this app.
        state = self.content.get("state")
        return f"{self.status} {state}" if state in _STATES else f"{self.status}"

    def count(self, name: str) -> int:
        """Return the number of rows that are ``accepted``, ``repeats`` or ``problems``."""
        count = self.content.get(name)
        return count if isinstance(count, int) else 0

    @property
    def is_expected(self) -> bool:
        """Whether this app responds in this way; it can refuse garbage, with the right status."""
        if self.is_sound:
            return self.status == 200 and self.content.get("ok") is True
        return self.status in (200, 400, 415) and self.content.get("ok") is not None


def require_server(to: SplitResult) -> None:
    """Raise ``CommandError`` if no server accepts a connection."""
    endpoint = (to.hostname or "", to.port or (443 if to.scheme == "https" else 80))
    try:
        socket.create_connection(endpoint, timeout=5).close()
    except (OSError, UnicodeError) as err:  # UnicodeError: an impossible host name
        raise CommandError(
            f"No server at {endpoint[0]}:{endpoint[1]} ({type(err).__name__}); start it, for "
            "example with python manage.py runserver, or give its URL."
        ) from err


def post_all(
    postings: Iterable[Posting], to: SplitResult, *, rate: float | None, connections: int
) -> Iterator[Answer]:
    """Post at most ``rate`` requests a second; yield the responses in the same order.

    The server receives them in that order only with one connection.
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
            # Requests are left only after an interruption.
            pool.shutdown(wait=False, cancel_futures=True)
            sender.hang_up()


def _result(future: Future[Answer]) -> Answer:
    # Wait with a timeout: a wait without one can miss a Ctrl-C that comes just before it.
    while not future.done():
        wait([future], timeout=0.5)
    return future.result()


class _Sender:
    """Post to one URL from several threads, until ``hang_up`` is called."""

    def __init__(self, to: SplitResult) -> None:
        self.to = to
        self.open: set[http.client.HTTPConnection] = set()
        self.hung_up = False

    def post(self, posting: Posting) -> Answer:
        # http.client, unlike urllib, ignores redirects and proxies of the environment.
        secure = self.to.scheme == "https"
        connect = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        port = self.to.port or connect.default_port  # otherwise it is read out of an IPv6 address
        connection = connect(self.to.hostname or "", port, timeout=TIMEOUT)
        # A stored query can have characters that no request line may have.
        own = quote(posting.query, safe=_SAFE)
        query = "&".join(filter(None, (self.to.query, own)))
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
        return Answer(posting.is_sound, response.status, time.monotonic() - began, _content(body))

    def hang_up(self) -> None:
        """Close open connections, so that no thread waits for a silent server."""
        # Set this first: each connection is then closed here or stops by itself.
        self.hung_up = True
        for connection in list(self.open):
            with suppress(OSError, AttributeError):  # not connected yet, or no longer
                connection.sock.shutdown(socket.SHUT_RDWR)


def _content(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
