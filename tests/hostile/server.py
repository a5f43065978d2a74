"""Real server processes on the database of the running test."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from django.db import connection

from tests import databases

ROOT = Path(__file__).parents[2]
WSGI = ("gunicorn", "django.core.wsgi:get_wsgi_application()", "--bind=127.0.0.1:{port}")
GUNICORN = (*WSGI, "--worker-class=gthread", "--threads=16")
#: A single thread, so that the memory of the process belongs to one request.
SYNC = (*WSGI, "--timeout=300")
UVICORN = ("uvicorn", "--factory", "django.core.asgi:get_asgi_application", "--port={port}")


class Server:
    """A server that runs until ``close``; ``variables`` are added to its environment."""

    def __init__(self, folder: Path, *command: str, **variables: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._log = folder / f"server-{self.port}.log"
        environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "tests.hostile.settings",
            databases.CHOICE: databases.chosen(),
            "SERVER_DATABASE": connection.settings_dict["NAME"],
            "PYTHONWARNINGS": "",  # ignore those of the servers
            "HOME": str(folder),  # for the socket of gunicorn
        }
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *(part.format(port=self.port) for part in command)],
                cwd=ROOT,
                env=environment | variables,
                stdout=log,
                stderr=log,
            )
        try:
            self._wait()
        except BaseException:
            self.close()
            raise

    def _wait(self) -> None:
        for _ in range(300):
            assert self._process.poll() is None, self.log()
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.1)
            else:
                return
        raise AssertionError(f"the server did not start within 30 s: {self.log()}")

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def workers(self) -> set[int]:
        """Return the worker processes of gunicorn. Linux only."""
        master = self._process.pid
        children = Path(f"/proc/{master}/task/{master}/children").read_text()
        return set(map(int, children.split()))

    def reload(self) -> None:
        """Make gunicorn read the settings again, and wait until the old workers are gone."""
        old = self.workers()
        self._process.send_signal(signal.SIGHUP)
        end = time.monotonic() + 30
        while not self.workers() or self.workers() & old:
            assert time.monotonic() < end, self.log()
            time.sleep(0.05)

    def close(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
