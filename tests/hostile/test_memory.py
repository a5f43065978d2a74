"""Bodies that are small on the wire but large in memory. Linux only, since it reads ``/proc``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.hostile import bodies
from tests.hostile.server import SYNC, Server
from tests.hostile.wire import ask, with_length
from tests.requests import member

pytestmark = pytest.mark.django_db(transaction=True)

#: The highest memory of a worker, in bytes.
ROOM = 300 * 2**20
SECONDS = 300


@pytest.fixture
def server(tmp_path):
    """A server with one worker for this test only: a process never frees all memory."""
    server = Server(tmp_path, *SYNC)
    yield server
    server.close()


def peak(server):
    """Return the highest memory of the worker so far."""
    [worker] = server.workers()
    status = Path(f"/proc/{worker}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024


def check_good(server, number):
    answer = ask(server.port, with_length(json.dumps(member(number=number)).encode()))
    assert (answer.status, answer.content["accepted"]) == (200, 1)


def test_memory(large_body, server, figures):
    label, make = (bodies.BODIES | bodies.MORE)[large_body]
    check_good(server, "first")
    idle, [worker] = peak(server), server.workers()

    request = with_length(make(), content_type=label)
    answers = [ask(server.port, request, SECONDS) for _ in range(2)]

    check_good(server, "last")
    assert server.workers() == {worker}
    figures.idle, figures.peaks[large_body] = idle, peak(server)
    assert [answer.status for answer in answers] in ([200] * 2, [400] * 2)
    assert {answer.content["state"] for answer in answers} <= {"done", "quarantined"}
    assert figures.peaks[large_body] < ROOM
    if "padded" in large_body:
        codes = {error["code"] for answer in answers for error in answer.content["errors"]}
        assert "too_many_values" not in codes
