"""The deployed example: its own database, queue and folder, and its processes."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import psycopg

from tests import databases
from tests.engines.broker import Broker
from tests.faults.cluster import free_port

ROOT = Path(__file__).parents[2]
HOST = "shop.example"
#: The header of a proxy that terminates TLS.
HTTPS = {"X-Forwarded-Proto": "https"}

SERVER = ("gunicorn", "--config=example_project/gunicorn.conf.py")
WORKER = ("celery", "--app=example_project.celery", "worker", "--loglevel=INFO")
WORKER_ALONE = ("--concurrency=1", "--without-gossip", "--without-mingle", "--pool=prefork")
SWEEP = ("django", "pickyassist_process", "--loop")


class Deployment:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.secret, self.secret_key = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
        self.path = f"/pickyassist/events/{self.secret}/"
        self._server = databases.server_url("postgres")
        self.broker = Broker("redis")
        self.database = f"pickyassist_production_{secrets.token_hex(6)}"
        self._on_the_server(f"CREATE DATABASE {self.database}")
        self.environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "example_project.production",
            "SECRET_KEY": self.secret_key,
            "PICKYASSIST_SECRET": self.secret,
            "ALLOWED_HOSTS": HOST,
            "DATA_FOLDER": str(folder / "volume"),
            "PGHOST": self._server.hostname or "",
            "PGPORT": str(self._server.port or 5432),
            "PGUSER": self._server.username or "",
            "PGPASSWORD": self._server.password or "",
            "PGDATABASE": self.database,
            "CELERY_BROKER_URL": self.broker.url,
            "CELERY_PREFIX": f"{self.broker.queue}.",
            "PYTHONWARNINGS": "",  # the servers' own
        }
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def close(self) -> None:
        self.stop()
        self.broker.tidy()
        self._on_the_server(f"DROP DATABASE {self.database} WITH (FORCE)")

    def _on_the_server(self, statement: str) -> None:
        with psycopg.connect(self._server.geturl(), autocommit=True) as connection:
            connection.execute(statement)

    def execute(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run a statement in the shop's database and return its rows, if it has any."""
        url = self._server._replace(path=f"/{self.database}").geturl()
        with psycopg.connect(url, autocommit=True) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def run(self, *command: str) -> str:
        """Run a command to its end and return its output."""
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def start(self, name: str, *command: str, **environment: str) -> Callable[[], str]:
        """Start a process and return a function for its output so far."""
        log = self.folder / f"{name}-{len(list(self.folder.glob('*.log')))}.log"
        with log.open("wb") as file:
            self._processes[log.stem] = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=ROOT,
                env=self.environment | environment,
                stdout=file,
                stderr=file,
            )
        return lambda: log.read_text(errors="replace")

    def serve(self, **environment: str) -> Site:
        port = free_port()
        log = self.start("server", *SERVER, f"--bind=127.0.0.1:{port}", **environment)
        site = Site(port, self.path)
        wait_for(lambda: site.is_up() or None, log)
        return site

    def running(self) -> list[str]:
        return list(self._processes)

    def stop(self, but: Collection[str] = ()) -> dict[str, int]:
        """Stop processes as a supervisor does; return their exit codes."""
        stopped = {name: self._processes.pop(name) for name in self.running() if name not in but}
        for process in stopped.values():
            process.terminate()
        ends = {}
        for name, process in stopped.items():
            try:
                ends[name] = process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                ends[name] = process.wait()
        return ends

    def logs(self) -> str:
        return "\n".join(log.read_text(errors="replace") for log in self.folder.glob("*.log"))


class Site:
    """A server, with requests like those of a proxy in front of it."""

    def __init__(self, port: int, webhook: str) -> None:
        self.port, self.webhook = port, webhook

    def is_up(self) -> bool:
        try:
            with self.ask("GET", "/healthz/", {}) as response:
                return bool(response.status == 200)
        except OSError:
            return False

    @contextmanager
    def ask(
        self, method: str, path: str, headers: dict[str, str] = HTTPS, body: str | None = None
    ) -> Iterator[Any]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body, {"Host": HOST, **headers})
            yield connection.getresponse()
        finally:
            connection.close()

    def get(self, path: str, headers: dict[str, str] = HTTPS) -> tuple[Any, str]:
        with self.ask("GET", path, headers) as response:
            return response, response.read().decode()

    def post(self, payload: dict[str, Any], headers: dict[str, str] = HTTPS) -> str:
        """Post an event and return the state of its request."""
        json_headers = {"Content-Type": "application/json", **headers}
        with self.ask("POST", self.webhook, json_headers, json.dumps(payload)) as response:
            assert response.status == 200, response.read()
            return str(json.load(response)["state"])

    def say(self, text: str) -> bytes:
        """Send raw text that no HTTP client sends."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            connection.sendall(text.encode())
            return connection.recv(4096)


def wait_for(condition: Callable[[], Any], *logs: Callable[[], str], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        output = "\n".join(log()[-3000:] for log in logs)
        assert time.monotonic() < end, f"expected it within {seconds} s; the processes: {output}"
        time.sleep(0.05)
