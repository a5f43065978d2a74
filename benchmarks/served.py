"""Measure over HTTP: gunicorn with two workers, and clients that keep their connections."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from http.client import HTTPConnection
from pathlib import Path

from benchmarks import bodies
from benchmarks.contenders import Anymail, Bare, Inline, Kept, View

CLIENTS = 4
WORKERS = 2


def rates(size: int, requests: int) -> dict[str, float]:
    """Return the requests per second of each view, with batches of ``size`` rows."""
    results = {}
    for view in (Bare(), Inline(), Kept(), Anymail()):
        with running(view.processor) as port:
            _post(port, view, [bodies.new(size) for _ in range(CLIENTS)])
            results[view.letter] = _rate(port, view, size, requests)
    return results


@contextmanager
def running(processor: str = "inline") -> Iterator[int]:
    """Serve the benchmark project and yield the port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    gunicorn = Path(sys.executable).with_name("gunicorn")
    command = [str(gunicorn), "--bind", f"127.0.0.1:{port}", "--workers", str(WORKERS)]
    command += ["--worker-class", "gthread", "--threads", "2", "--log-level", "error"]
    environment = os.environ | {"BENCHMARK_PROCESSOR": processor}
    server = subprocess.Popen([*command, "benchmarks.wsgi"], env=environment)
    try:
        _wait_for(port, server)
        yield port
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if server.poll() is not None:
                sys.exit("benchmarks: gunicorn ended; see its output above.")
            time.sleep(0.1)
        else:
            return
    sys.exit("benchmarks: gunicorn does not listen after 30 s.")


def _rate(port: int, view: View, size: int, requests: int) -> float:
    shares = [
        [bodies.new(size) for _ in range(max(1, requests // CLIENTS))] for _ in range(CLIENTS)
    ]
    made = sum(map(len, shares))
    with ThreadPoolExecutor(CLIENTS) as clients:
        began = time.perf_counter()
        list(clients.map(partial(_post, port, view), shares))
        return made / (time.perf_counter() - began)


def _post(port: int, view: View, batches: list[list[int]]) -> None:
    headers = {"Content-Type": "application/json"}
    if authorization := view.headers.get("HTTP_AUTHORIZATION"):
        headers["Authorization"] = authorization
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    for numbers in batches:
        connection.request("POST", view.path, view.body(numbers), headers)
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise AssertionError(f"expected 200, got {answer.status}: {content[:200]!r}")
    connection.close()
