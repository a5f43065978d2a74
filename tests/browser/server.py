"""A server in a thread, on a database of its own, for as long as all tests last."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.http import HttpRequest
from django.test.testcases import LiveServerThread, ThreadedWSGIServer
from django.test.utils import setup_databases, teardown_databases


class Server(ThreadedWSGIServer):
    def get_request(self) -> Any:
        connection, address = super().get_request()
        # Without it each body waits 40 ms for the browser's word that the head has come.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection, address


class StaticFiles(StaticFilesHandler):
    def serve(self, request: HttpRequest) -> Any:
        response = super().serve(request)
        # Or the browser asks again for twenty files on each of hundreds of pages.
        response.headers["Cache-Control"] = "max-age=3600"
        return response


class ServerThread(LiveServerThread):
    server_class = Server


@contextmanager
def database() -> Iterator[None]:
    """Make a database that outlives each test: pytest-django's is emptied after each."""
    made = setup_databases(verbosity=0, interactive=False, aliases=["default"])
    try:
        yield
    finally:
        teardown_databases(made, verbosity=0)


@contextmanager
def running() -> Iterator[str]:
    """Serve the project, with its static files, and return the origin it is served from."""
    server = ServerThread("127.0.0.1", StaticFiles)
    server.start()
    server.is_ready.wait()
    try:
        if server.error:
            raise server.error
        yield f"http://{server.host}:{server.port}"
    finally:
        server.terminate()
