"""Real servers, real sockets: WSGI and ASGI, bodies with a length, in chunks and cut off."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from select import select

import pytest
from django.db import connection

from pickyassist_webhooks.models import MODELS, WebhookRequest
from tests import databases
from tests.requests import SECRET, chat, delivery, filtered, member, row, subscriber, url

pytestmark = pytest.mark.django_db(transaction=True)

SERVERS = {
    "uvicorn": ["uvicorn", "--factory", "django.core.asgi:get_asgi_application", "--port={port}"],
    "finishing": ["uvicorn", "--factory", "tests.server_asgi:application", "--port={port}"],
}
RUNSERVER = ["django", "runserver", "--noreload", "127.0.0.1:{port}"]
if os.name == "posix":  # gunicorn runs nowhere else
    SERVERS["gunicorn"] = [
        "gunicorn",
        "django.core.wsgi:get_wsgi_application()",
        "-b:{port}",
        "--access-logfile=-",
    ]
LIMIT = 10 * 1024 * 1024


@pytest.fixture(params=SERVERS)
def port(request):
    with served(SERVERS[request.param]) as (port, log):
        yield port
    assert "POST /pickyassist/events/" in log[0]
    assert SECRET not in log[0], log[0]


@contextmanager
def served(command):
    """Serve the app on the database of this test; yield the port and the later log."""
    log = []
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    module, *arguments = (part.format(port=port) for part in command)
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "tests.server_settings",
        databases.CHOICE: databases.chosen(),
        "SERVER_DATABASE": connection.settings_dict["NAME"],
        "PYTHONWARNINGS": "",  # the servers' own
    }
    server = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=Path(__file__).parent.parent,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        wait_for(port, server)
        yield port, log
    finally:
        server.send_signal(signal.SIGTERM)
        log.append(server.communicate(timeout=30)[0].decode())


def wait_for(port, server):
    for _ in range(300):
        assert server.poll() is None, server.communicate()[0].decode()
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"expected a server on port {port} within 30 s")


def send(port, body, chunk=None):
    """Post a body and return status and answer; with ``chunk``, in chunks and without a length."""
    client = HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Content-Type": "application/json"}
    if chunk:
        body = [body[start : start + chunk] for start in range(0, len(body), chunk)]
    try:
        client.request("POST", url(), body, headers, encode_chunked=bool(chunk))
        response = client.getresponse()
        return response.status, json.loads(response.read())
    finally:
        client.close()


def test_bodies(port):
    payloads = [delivery(row("1"), row("2", "3")), filtered(), member(), subscriber(), chat()]
    bodies = [json.dumps(payload).encode() for payload in payloads]
    for body in bodies:
        status, answer = send(port, body)
        assert (status, answer["state"]) == (200, "done")
    for body in bodies:
        status, answer = send(port, body, chunk=7)
        assert (status, answer["accepted"]) == (200, 0)
        assert answer["repeats"] >= 1
    kept = [bytes(request.body) for request in WebhookRequest.objects.order_by("pk")]
    assert kept == bodies * 2
    assert [model.objects.count() for model in MODELS.values()] == [2, 1, 1, 1, 1]


def test_limit(port):
    body = b"[" + b" " * (LIMIT - 2) + b"]"
    assert send(port, body)[0] == 400
    assert send(port, body, chunk=1024 * 1024)[0] == 400
    assert send(port, body + b" ", chunk=1024 * 1024)[0] == 413
    assert [len(request.body) for request in WebhookRequest.objects.all()] == [LIMIT, LIMIT]


def test_a_connection_that_breaks(port):
    with socket.create_connection(("127.0.0.1", port)) as client:
        head = f"POST {url()} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\n"
        client.sendall(head.encode() + b'{"project_id"')
    assert send(port, json.dumps(member()).encode())[1]["accepted"] == 1


def flood(port, path, size=400_000_000):
    """Post far too much; return the answer, and the number of bytes sent before it."""
    sent, answer = 0, b""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n"
        client.sendall(head.encode())
        # A server that hangs up before it has read everything can cut its own answer.
        with suppress(ConnectionError):
            while sent < size and not select([client], [], [], 0)[0]:
                if select([], [client], [], 1)[1]:
                    sent += client.send(b" " * 65536)
        with suppress(ConnectionError):
            answer = client.recv(4096)
    return answer, sent


@pytest.mark.parametrize("name", [name for name in SERVERS if name != "uvicorn"])
def test_a_body_that_is_refused_is_not_read(name):
    """The sockets of both sides buffer some. Only Django under ASGI reads all of it."""
    with served(SERVERS[name]) as (port, log):
        for path, status in ((url("of-a-stranger"), b" 403 "), (url(), b" 413 ")):
            answer, sent = flood(port, path)
            assert status in answer or not answer
            assert sent < 20_000_000
        assert send(port, json.dumps(member()).encode())[1]["accepted"] == 1
    assert "Refused a request with a wrong secret" in log[0]
    assert "400000000 were announced" in log[0]


def test_the_development_server():
    """It drops chunked bodies, and logs the exact path unless the filter hides it."""
    body = json.dumps(member()).encode()
    with served(RUNSERVER) as (port, log):
        assert send(port, body)[1]["accepted"] == 1
        assert send(port, body, chunk=7)[0] == 400
        assert send(port, body)[1]["repeats"] == 1
    assert "is chunked, and this server does not pass it on" in log[0]
    assert '"POST /pickyassist/events/***/ HTTP/1.1" 200' in log[0]
    assert SECRET not in log[0]
