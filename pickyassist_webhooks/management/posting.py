"""Requests posted over HTTP as Picky Assist posts them: each on a connection of its own."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult

from django.core.management.base import CommandError

from ..testing.traffic import Posting

#: Seconds that an answer is waited for.
TIMEOUT = 30.0


@dataclass(frozen=True)
class Answer:
    """What a server said: ``status`` 0 where it said nothing, and then ``fault`` says why."""

    posting: Posting
    status: int = 0
    seconds: float = 0
    said: dict[str, Any] = field(default_factory=dict)
    fault: str = ""

    @property
    def name(self) -> str:
        """The status with the state of the request, or why there is none."""
        return f"{self.status} {self.said.get('state', '')}".strip() if self.status else self.fault

    @property
    def is_expected(self) -> bool:
        """Whether a working receiver says this: garbage may be refused, but as garbage."""
        return self.status in ((200,) if self.posting.is_sound else (200, 400, 415))


def require_server(to: SplitResult) -> None:
    """Raise ``CommandError`` where nothing takes a connection."""
    where = (to.hostname or "", to.port or (443 if to.scheme == "https" else 80))
    try:
        socket.create_connection(where, timeout=5).close()
    except OSError as err:
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
    began = time.monotonic()
    with ThreadPoolExecutor(connections) as pool:
        try:
            for number, posting in enumerate(postings):
                if rate:
                    time.sleep(max(0, began + number / rate - time.monotonic()))
                waiting.append(pool.submit(_post, posting, to))
                while waiting and (waiting[0].done() or len(waiting) > connections):
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _post(posting: Posting, to: SplitResult) -> Answer:
    # http.client, unlike urllib, follows no redirect and takes no proxy from the environment.
    secure = to.scheme == "https"
    connect = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = connect(to.hostname or "", to.port, timeout=TIMEOUT)
    query = "&".join(filter(None, (to.query, posting.query)))
    path = f"{to.path}?{query}" if query else to.path
    headers = {"Content-Type": posting.content_type} if posting.content_type else {}
    began = time.monotonic()
    try:
        connection.request("POST", path, posting.body, headers)
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException) as err:
        return Answer(posting, fault=f"no answer ({type(err).__name__})")
    finally:
        connection.close()
    return Answer(posting, response.status, time.monotonic() - began, _said(body))


def _said(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
