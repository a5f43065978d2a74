"""Requests of bad networks and strange clients, to real servers over real sockets."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from functools import partial

import pytest

from pickyassist_webhooks.conf import KEYS
from pickyassist_webhooks.models import WebhookRequest
from tests.hostile.wire import SECONDS, ask, chunks, head, in_chunks, wire, with_length
from tests.requests import SECRET, delivery, member, row

pytestmark = pytest.mark.django_db(transaction=True)

LIMIT = KEYS["MAX_BODY_BYTES"].default
BODY = json.dumps(delivery(*(row(str(number)) for number in range(20)))).encode()
#: A server may store it while the next tests run, because its client left without an answer.
LEFT = b'{"left": true, ' + BODY[1:]
#: The longest time of a good request while others are slow.
PATIENCE = 5.0


@pytest.fixture(params=["gunicorn", "uvicorn"])
def server(request, servers):
    """A server that must still work after the test, without an error in its log."""
    server = servers(request.param)
    begin = len(server.log())
    yield server
    check_good(server, "afterwards")
    log = server.log()[begin:]
    assert "Traceback" not in log
    assert "Lost a request" not in log
    assert SECRET not in log


def check_good(server, name):
    began = time.monotonic()
    body = json.dumps(member(number=name)).encode()
    answer = ask(server.port, with_length(body))
    assert (answer.status, answer.content["accepted"]) == (200, 1)
    assert bytes(WebhookRequest.objects.get(token=answer.content["id"]).body) == body
    return time.monotonic() - began


def stored():
    return [bytes(request.body) for request in WebhookRequest.objects.order_by("pk")]


def kept():
    return [body for body in stored() if not body.startswith(LEFT[:10])]


def wait_for(count):
    """Wait until ``count`` bodies are stored: a broken connection has no answer."""
    end = time.monotonic() + SECONDS
    while len(kept()) < count:
        assert time.monotonic() < end
        time.sleep(0.05)
    return kept()


def full(size):
    return b"[" + b" " * (size - 2) + b"]"


@pytest.mark.parametrize(
    "whole", [with_length, partial(in_chunks, size=65536)], ids=["length", "chunked"]
)
class TestLimit:
    def test_exactly(self, server, whole):
        answer = ask(server.port, whole(full(LIMIT)))
        assert (answer.status, answer.content["errors"][0]["code"]) == (400, "not_an_object")
        assert kept() == [full(LIMIT)]

    def test_one_byte_over(self, server, whole):
        answer = ask(server.port, whole(full(LIMIT + 1)))
        # A server that closes before it has read everything may tear down its own answer.
        assert answer is None or (answer.status, answer.content["error"]) == (413, "too_large")
        assert kept() == []


@pytest.mark.parametrize("whole", [with_length, in_chunks], ids=["length", "chunked"])
def test_slow_bodies_at_once(server, whole):
    """Slow bodies do not delay other requests."""
    request = whole(BODY)
    half = len(request) // 2
    with ExitStack() as stack:
        connections = [stack.enter_context(wire(server.port)) for _ in range(8)]
        for connection in connections:
            connection.send(request[:half])
        for position in range(half, half + 20):
            for connection in connections:
                connection.send(request[position : position + 1])
            time.sleep(0.05)
        assert max(check_good(server, str(number)) for number in range(3)) < PATIENCE
        for connection in connections:
            connection.send(request[half + 20 :])
        answers = [connection.answer() for connection in connections]
    assert [answer.status for answer in answers] == [200] * 8
    assert sum(answer.content["accepted"] for answer in answers) == 20
    assert kept().count(BODY) == 8


class TestDropped:
    """The received part of an incomplete body may be stored; the answer never claims more."""

    def check(self, server, answer):
        check_good(server, "meanwhile")
        bodies = [body for body in kept() if b"meanwhile" not in body]
        assert all(BODY.startswith(body) for body in bodies)
        if answer is not None:
            assert answer.status < 500
        if answer is not None and "id" in answer.content:
            [body] = bodies
            assert (answer.status == 200) == (body == BODY)

    @pytest.mark.parametrize("part", [0, 1, 500, len(BODY) - 1])
    def test_incomplete_body_with_a_length(self, server, part):
        with wire(server.port) as connection:
            connection.send(head(f"Content-Length: {len(BODY)}") + BODY[:part])
            connection.end()
            self.check(server, connection.answer())

    @pytest.mark.parametrize(
        "rest", [b"", b"5", b"ffff\r\n", b"-1\r\n", b"zz\r\n", b"0", b"0\r\n"], ids=ascii
    )
    @pytest.mark.parametrize("part", [500, len(BODY)])
    def test_incomplete_chunked_body(self, server, part, rest):
        with wire(server.port) as connection:
            connection.send(head("Transfer-Encoding: chunked") + chunks(BODY[:part], 100) + rest)
            connection.end()
            self.check(server, connection.answer())

    @pytest.mark.parametrize("leave", ["close", "reset"])
    @pytest.mark.parametrize("begin", ["length", "chunked"])
    def test_client_leaves_before_the_end(self, server, begin, leave):
        if begin == "length":
            sent = head(f"Content-Length: {len(LEFT)}") + LEFT[:500]
        else:
            sent = head("Transfer-Encoding: chunked") + chunks(LEFT[:500], 100)
        for _ in range(5):
            with wire(server.port) as connection:
                connection.send(sent)
                getattr(connection, leave)()
        check_good(server, "meanwhile")
        assert all(LEFT.startswith(body) for body in stored() if b"meanwhile" not in body)

    @pytest.mark.parametrize("server", ["gunicorn"], indirect=True)
    @pytest.mark.parametrize("leave", ["close", "reset"])
    def test_client_leaves_before_the_answer(self, server, leave):
        """A complete request is stored. Under ASGI, Django itself may drop it."""
        with wire(server.port) as connection:
            connection.send(with_length(BODY))
            getattr(connection, leave)()
        assert wait_for(1) == [BODY]


class TestLyingLength:
    def test_too_small(self, server):
        """The rest of the body is not a request, and must not become one."""
        with wire(server.port) as connection:
            connection.send(head("Content-Length: 50") + BODY + b"\r\n\r\n")
            answers = list(connection.answers())
        assert [answer.status for answer in answers] in ([400], [400, 400])
        assert kept() == [BODY[:50]]

    @pytest.mark.parametrize(
        "headers",
        [
            ["Content-Length: -1"],
            ["Content-Length: garbage"],
            ["Content-Length: 0x10"],
            ["Content-Length: 1_0"],
            ["Content-Length: 12, 13"],
            ["Content-Length: " + "9" * 5000],
            [f"Content-Length: {2**63}"],
            [f"Content-Length: {len(BODY)}", "Content-Length: 50"],
            [f"Content-Length: {len(BODY)}", "Transfer-Encoding: chunked"],
            [f"Content-Length: {len(BODY)}", "Transfer-Encoding: identity"],
            ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
            ["Transfer-Encoding: gzip, chunked"],
        ],
        ids=lambda headers: " ".join(headers)[:60],
    )
    def test_invalid_length(self, server, headers):
        with wire(server.port) as connection:
            connection.send(head(*headers) + BODY)
            connection.end()
            answer = connection.answer()
        assert answer is None or answer.status < 500
        assert kept() in ([], [BODY])
        assert kept() == [] or answer.status == 200


def test_expect_100_continue(server):
    with wire(server.port) as connection:
        connection.send(head(f"Content-Length: {len(BODY)}", "Expect: 100-continue"))
        assert connection.answer().status == 100
        connection.send(BODY)
        assert connection.answer().status == 200
    assert kept() == [BODY]


def test_pipelined_requests(server):
    """A server may read one or all of them, and answers those it has read."""
    bodies = [json.dumps(member(number=str(number))).encode() for number in range(3)]
    requests = [with_length(body) for body in bodies[:2]]
    requests.append(with_length(bodies[2], "Connection: close"))
    with wire(server.port) as connection:
        connection.send(b"".join(requests))
        answers = list(connection.answers())
    contents = [(answer.status, answer.content["accepted"]) for answer in answers]
    assert contents in ([(200, 1)], [(200, 1)] * 3)
    assert kept() == bodies[: len(answers)]


class TestHttp10:
    def test_with_a_length(self, server):
        with wire(server.port) as connection:
            connection.send(with_length(BODY, version="1.0"))
            assert [answer.status for answer in connection.answers()] == [200]
        assert kept() == [BODY]

    def test_without_a_length(self, server):
        with wire(server.port) as connection:
            connection.send(head(version="1.0") + BODY)
            connection.end()
            answer = connection.answer()
        assert answer is None or answer.status == 400
        assert kept() == []
