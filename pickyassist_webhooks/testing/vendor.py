"""A stand-in for Picky Assist's API: a real HTTP server on this machine.

It accepts pushes, has a course of statuses for each message, and answers what the delivery report
API would. On purpose it can lose reports, and misbehave as servers and networks do.
"""

from __future__ import annotations

import itertools
import json
import random
import ssl
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any

from ..choices import DeliveryStatus, progress
from ..conf import app_settings
from .builders import PROJECT_ID, Payload, delivery_report, push_answer

if TYPE_CHECKING:
    from typing_extensions import Self

#: The token that the stand-in accepts.
TEST_TOKEN = "only-for-tests-" + "t" * 20

#: The statuses of a message unless a push says more.
_COURSE = (DeliveryStatus.SUBMITTED, DeliveryStatus.DELIVERED)


@dataclass(frozen=True)
class Misbehaviour:
    """One answer that is no good: of another status, with another body, cut, or late."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    #: Bytes that are announced, but never sent.
    missing: int = 0
    #: Seconds before the answer.
    delay: float = 0


def too_many_calls(retry_after: Any = None) -> Misbehaviour:
    """Return HTTP 429, with ``Retry-After`` if given."""
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return Misbehaviour(429, headers)


def refusal(code: Any, message: str = "Not now") -> Misbehaviour:
    """Return an error as the vendor reports it: HTTP 200 with a ``status`` in the body."""
    return Misbehaviour(body=json.dumps({"status": code, "error_message": message}).encode())


def html() -> Misbehaviour:
    """Return a page for people, as proxies send it."""
    page = b"<!doctype html><title>Welcome</title>"
    return Misbehaviour(headers={"Content-Type": "text/html"}, body=page)


def redirect(url: str) -> Misbehaviour:
    """Return a redirect to another address."""
    return Misbehaviour(307, {"Location": url})


def cut(body: bytes = b'{"push_id": 1, "data": [{"msg_') -> Misbehaviour:
    """Return a body that ends before its announced length."""
    return Misbehaviour(body=body, missing=1000)


def hang(seconds: float) -> Misbehaviour:
    """Return no answer for so long."""
    return Misbehaviour(503, delay=seconds)


@dataclass
class SentMessage:
    """A message that was pushed, and the reports about it that come."""

    push_id: str
    msg_id: str
    number: str
    reference_number: str
    course: tuple[int, ...]

    @property
    def status(self) -> int:
        """The status that is right in the end."""
        return max(self.course, key=progress, default=DeliveryStatus.UNKNOWN)


class FakeVendor:
    """Serve the API until the ``with`` block ends. Its address is ``api_url``.

    Its default project is one that the settings accept. ``lost`` is the probability, from 0 to 1,
    that a report is lost on its way. Above ``calls_per_minute`` it answers HTTP 429.
    """

    def __init__(
        self,
        *,
        token: str = TEST_TOKEN,
        project_id: str | None = None,
        lost: float = 0,
        seed: int | None = None,
        calls_per_minute: int | None = None,
        port: int = 0,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self.token, self.lost = token, lost
        self.project_id = project_id or app_settings.first_project or PROJECT_ID
        self.calls_per_minute = calls_per_minute
        self.messages: dict[str, list[SentMessage]] = {}
        #: How many reports were lost so far.
        self.lost_reports = 0
        #: The path and the body of each call, and when it came.
        self.calls: list[tuple[str, Any, float]] = []
        self._chance = random.Random(seed)  # noqa: S311 -- no secret
        self._misbehaviours: deque[Misbehaviour] = deque()
        self._lock, self._ended = Lock(), Event()
        # New ones in each process, and digits as those of the vendor.
        self._push_ids = itertools.count(time.time_ns() // 1000)
        self._server = _Server(("127.0.0.1", port), _handler(self))
        if ssl_context is not None:
            self._server.socket = ssl_context.wrap_socket(self._server.socket, server_side=True)
        scheme = "http" if ssl_context is None else "https"
        #: For the setting ``API_URL``.
        self.api_url = f"{scheme}://127.0.0.1:{self._server.server_port}/api/v2/"

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *error: Any) -> None:
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def settings(self) -> dict[str, Any]:
        """The keys of ``PICKYASSIST_WEBHOOKS`` that lead to this server."""
        return {"API_URL": self.api_url, "API_TOKENS": {self.project_id: self.token}}

    def push(self, *rows: Payload, course: Iterable[int] = _COURSE) -> Payload:
        """Accept messages and return the answer of the Push API.

        A row is a dict of ``number`` and ``reference_number``. ``course`` are the statuses that
        are reported.
        """
        statuses = tuple(course)
        numbers = [{"number": row["number"]} if "number" in row else {} for row in rows or ({},)]
        answer = push_answer(*numbers, push_id=str(next(self._push_ids)))
        self.messages[answer["push_id"]] = [
            SentMessage(
                answer["push_id"],
                accepted["msg_id"],
                accepted["number"],
                row.get("reference_number", ""),
                statuses,
            )
            for accepted, row in zip(answer["data"], rows or ({},), strict=True)
        ]
        return answer

    def reports(self, push_id: str) -> list[Payload]:
        """Return the delivery reports of a push that are not lost, in their order."""
        reports = [
            delivery_report(
                status=int(status),
                project_id=self.project_id,
                push_id=message.push_id,
                msg_id=message.msg_id,
                number=message.number,
                reference_number=message.reference_number,
            )
            for message in self.messages[push_id]
            for status in message.course
        ]
        arriving = [report for report in reports if self._chance.random() >= self.lost]
        self.lost_reports += len(reports) - len(arriving)
        return arriving

    def misbehave(self, *answers: Misbehaviour) -> None:
        """Give these answers to the next calls of the delivery report API."""
        self._misbehaviours.extend(answers)

    def calls_to(self, name: str) -> list[Any]:
        """Return the bodies of the calls of ``"push"`` or ``"delivery-report"``."""
        return [body for path, body, _ in self.calls if path == f"/api/v2/{name}"]

    def answer(self, path: str, body: Any) -> Misbehaviour:
        """Return the answer to a call."""
        with self._lock:
            now = time.monotonic()
            recent = sum(at > now - 60 for called, _, at in self.calls if called == path)
            self.calls.append((path, body, now))
            if path.endswith("/delivery-report"):
                if self.calls_per_minute is not None and recent >= self.calls_per_minute:
                    return too_many_calls(60)
                if self._misbehaviours:
                    return self._misbehaviours.popleft()
            if not isinstance(body, dict) or body.get("token") != self.token:
                return refusal(401, "Authentication failed")
            if path.endswith("/push"):
                return _json(self.push(*body.get("data", [])))
            if path.endswith("/delivery-report"):
                return _json(self._report_of(str(body.get("push_id"))))
            return Misbehaviour(404)

    def wait(self, seconds: float) -> None:
        """Wait, but not longer than this server lives."""
        self._ended.wait(seconds)

    def _report_of(self, push_id: str) -> Payload:
        return {
            "project_id": self.project_id,
            "push_id": int(push_id) if push_id.isdecimal() else push_id,
            "application": "8",
            "message_type": "3",
            "time": "05-02-2024 03:07 PM",
            "data": [
                {
                    "number": message.number,
                    "msg_id": message.msg_id,
                    "status": str(int(message.status)),
                    "error_code": "",
                    "error_message": "",
                }
                for message in self.messages.get(push_id, [])
            ],
        }


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing: a client that does not wait for its answer is a test."""


def _json(content: Payload) -> Misbehaviour:
    return Misbehaviour(body=json.dumps(content).encode())


def _handler(vendor: FakeVendor) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            try:
                content = json.loads(body)
            except ValueError:
                content = body
            answer = vendor.answer(self.path, content)
            if answer.delay:
                vendor.wait(answer.delay)
            self.send_response(answer.status)
            headers = {"Content-Type": "application/json"} | answer.headers
            headers["Content-Length"] = str(len(answer.body) + answer.missing)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)
            self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- its name
            """Write nothing: a test has its own output."""

    return Handler
