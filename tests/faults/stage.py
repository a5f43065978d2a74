"""A server and its workers in separate processes, on one database, with a load client."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from typing import Any

from tests.faults.client import Client, Load
from tests.faults.cluster import free_port

ROOT = Path(__file__).parents[2]
WSGI = (
    "gunicorn",
    "django.core.wsgi:get_wsgi_application()",
    "--worker-class=gthread",
    "--workers=2",
    "--threads=12",
    "--graceful-timeout=5",
    "--bind=127.0.0.1:{port}",
)
ASGI = (
    "uvicorn",
    "tests.faults.asgi:application",
    "--workers=2",
    "--timeout-graceful-shutdown=5",
    "--log-level=warning",
    "--port={port}",
)
WORKER = ("django", "pickyassist_process", "--loop")
RECONCILER = ("django", "pickyassist_reconcile", "--loop")


def environment(folder: Path, database: dict[str, Any], keys: dict[str, Any]) -> dict[str, str]:
    """Return the environment that ``tests.faults.settings`` reads."""
    return os.environ | {
        "DJANGO_SETTINGS_MODULE": "tests.faults.settings",
        "FAULTS_FOLDER": str(folder),
        "FAULTS_DATABASE": json.dumps(database),
        "FAULTS_KEYS": json.dumps(keys),
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "",  # ignore those of the servers
        "HOME": str(folder),  # for the socket of gunicorn
    }


class Stage:
    """The processes for one fault. ``keys`` are settings in ``PICKYASSIST_WEBHOOKS``."""

    def __init__(self, folder: Path, database: dict[str, Any], **keys: Any) -> None:
        self.folder, self.database, self.keys = folder, database, keys
        self.environment = environment(folder, database, keys)
        self.client = Client(folder / "ledger.jsonl")
        (folder / "armed").mkdir()
        self._processes: list[subprocess.Popen[bytes]] = []
        self._end = Event()
        self._keepers: list[Thread] = []
        #: The exit codes of killed workers.
        self.ends: list[int] = []

    def close(self) -> None:
        """End every process, by force if needed."""
        self._end.set()
        for keeper in self._keepers:
            keeper.join()
        self._keepers.clear()
        self._end.clear()
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self._processes.clear()

    def start(self, role: str, *command: str, **keys: Any) -> subprocess.Popen[bytes]:
        with (self.folder / f"{role}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *command],
                env=self.environment
                | {"FAULTS_ROLE": role, "FAULTS_KEYS": json.dumps(self.keys | keys)},
                cwd=ROOT,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._processes.append(process)
        return process

    def serve(self, command: tuple[str, ...] = WSGI, **keys: Any) -> subprocess.Popen[bytes]:
        """Start a server and post to it too. Its master replaces killed workers."""
        port = free_port()
        words = (word.format(port=port) for word in command)
        server = self.start("server", *words, **keys)
        for _ in range(300):
            assert server.poll() is None, self.log("server")
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                time.sleep(0.1)
            else:
                self.client.ports.append(port)
                return server
        raise AssertionError(f"the server did not start within 30 s: {self.log('server')}")

    def replace(self, server: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
        """Kill a server with all its processes, and start another one."""
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
        self._processes.remove(server)
        another = self.serve()
        del self.client.ports[0]
        return another

    def work(self, role: str = "worker", command: tuple[str, ...] = WORKER) -> None:
        """Keep a worker running; start another one if it is killed."""

        def keep() -> None:
            while not self._end.is_set():
                worker = self.start(role, *command)
                while worker.poll() is None and not self._end.wait(0.1):
                    pass
                if self._end.is_set():
                    return
                self._processes.remove(worker)
                self.ends.append(worker.returncode)

        self._keepers.append(Thread(target=keep))
        self._keepers[-1].start()

    def load(self, **named: Any) -> Load:
        return Load(self.client, self.folder.name, **named)

    def arm(
        self, point: str, seconds: float = 120, then: Callable[[], object] = lambda: None
    ) -> None:
        """Arm a point, call ``then``, and wait until a process was killed at the point.

        It may take long: a worker first processes each request that earlier kills left behind.
        """
        armed = self.folder / "armed" / point
        armed.touch()
        then()
        end = time.monotonic() + seconds
        while armed.exists():
            role = point.partition(".")[0]
            assert time.monotonic() < end, f"no process reached {point}; {self.log(role)}"
            time.sleep(0.02)

    def run(self, *command: str) -> str:
        """Run a command to its end and return its output."""
        done = subprocess.run(
            [sys.executable, "-m", *command],
            env=self.environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def compare(self) -> dict[str, Any]:
        result: dict[str, Any] = json.loads(self.run("tests.faults.compare"))
        return result

    def recover(self) -> dict[str, Any]:
        """End the server and its workers, process the remaining requests, and compare."""
        self.close()
        self.run("tests.faults.recovery")
        return self.compare()

    def log(self, role: str) -> str:
        """Return the end of a process's log."""
        file = self.folder / f"{role}.log"
        return file.read_text(errors="replace")[-3000:] if file.exists() else ""
