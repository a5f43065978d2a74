"""``python -m tests.hostile.measuring``: the cost of each body on standard input.

Each body has its own fork, so that earlier bodies leave nothing behind. Linux only.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import databases

ROOT = Path(__file__).parents[2]
#: The longest wait for a body, in seconds.
TOO_LONG = 20.0


@dataclass(frozen=True)
class Cost:
    """Seconds of one core, and the highest growth of the process in bytes."""

    seconds: float
    memory: int
    result: str = ""


def post(body: bytes, label: str) -> str:
    """Receive a body twice: as new and as a repeat."""
    from pickyassist_webhooks import ingest

    return " ".join(ingest.receive(body, content_type=label).state for _ in range(2))


def erase(body: bytes, label: str) -> str:
    """Search a body for a number, as erasure does."""
    from pickyassist_webhooks.privacy.phone_numbers import Number

    return str(Number("15550001111").is_in_body(body))


TARGETS: dict[str, Callable[[bytes, str], str]] = {"post": post, "erase": erase}


class Measurer:
    """A process that measures bodies on the database of the running test."""

    def __init__(self, database: str) -> None:
        environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "tests.hostile.settings",
            databases.CHOICE: databases.chosen(),
            "SERVER_DATABASE": database,
        }
        self._process: Any = subprocess.Popen(
            [sys.executable, "-m", "tests.hostile.measuring"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def cost(self, target: str, body: bytes, label: str) -> Cost:
        head = json.dumps({"target": target, "label": label, "length": len(body)})
        self._process.stdin.write(head.encode() + b"\n" + body)
        self._process.stdin.flush()
        return Cost(**json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def main() -> None:
    import django

    django.setup()

    while line := sys.stdin.buffer.readline():
        head = json.loads(line)
        body = sys.stdin.buffer.read(head["length"])
        cost = _measured(TARGETS[head["target"]], body, head["label"])
        print(json.dumps(vars(cost)), flush=True)


def _measured(target: Callable[[bytes, str], str], body: bytes, label: str) -> Cost:
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.write(writing, json.dumps(vars(_spent(target, body, label))).encode())
        finally:
            os._exit(0)
    os.close(writing)
    ready, _, _ = select.select([reading], [], [], TOO_LONG)
    if not ready:
        os.kill(pid, signal.SIGKILL)
    output = os.read(reading, 65_536)
    os.close(reading)
    os.waitpid(pid, 0)
    return Cost(**json.loads(output)) if output else Cost(TOO_LONG, 0, "it did not end")


def _spent(target: Callable[[bytes, str], str], body: bytes, label: str) -> Cost:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    before, began = memory("VmRSS"), time.process_time()
    try:
        result = target(body, label)
    except Exception as err:
        result = f"{type(err).__name__}: {err}"[:200]
    cost = Cost(time.process_time() - began, memory("VmHWM") - before, result)
    _forget()
    return cost


def _forget() -> None:
    """Empty the tables, so that the rows of the next body are new."""
    from django.db import connection

    from pickyassist_webhooks.models import MODELS, Message, WebhookRequest

    with connection.cursor() as cursor:
        for model in (*MODELS.values(), Message, WebhookRequest):
            cursor.execute(f"DELETE FROM {model._meta.db_table}")  # noqa: S608


def memory(field: str) -> int:
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) * 1024


if __name__ == "__main__":
    main()
