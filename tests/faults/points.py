"""Points at which a process is killed, or a statement fails, while the app runs as it is.

A point is armed by a file. The process that reaches it and wins the removal of that file dies,
so each arming kills once. A failing statement is asked for by a header of the request.
"""

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

#: The eight points on a request's way, each in the process that does it, and those which a worker
#: that does the whole way passes too.
POINTS = (
    "server.before-insert",
    "server.after-insert",
    "worker.after-claim",
    "server.before-rows",
    "server.after-rows",
    "server.between-signals",
    "server.in-receiver",
    "server.before-answer",
    "worker.before-rows",
    "worker.after-rows",
    "worker.between-signals",
    "worker.in-receiver",
)

#: What a statement does, by its text.
_STEPS = {
    step: re.compile(text.replace("@", '["`]pickyassist_webhooks_'))
    for step, text in {
        "insert": "INSERT INTO @webhookrequest",
        "claim": r'UPDATE @webhookrequest["`] SET .*["`]attempts["`] = \(.*["`]attempts["`] \+',
        # PostgreSQL is told all in one statement.
        "rows": "(WITH .*)?INSERT INTO @"
        "(deliveryreport|filterreport|groupmemberevent|newsubscriber)",
    }.items()
}


def reach(point: str) -> None:
    """Die here, if this point is armed for a process like this one."""
    role = os.environ.get("FAULTS_ROLE")
    try:
        (Path(settings.FAULTS_FOLDER) / "armed" / f"{role}.{point}").unlink()
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


class _Plan(threading.local):
    """Which statement of the request in this thread is to fail, and how many there were."""

    fails_at = 0
    when = ""
    counted = 0

    def count(self, run: Callable[[], Any], sql: str = "") -> Any:
        if not self.fails_at:
            return run()
        self.counted += 1
        hit = self.counted == self.fails_at
        # SQLite's BEGIN has no answer that could be lost: Django always knows whether it worked.
        if hit and (self.when == "before" or sql.startswith("BEGIN")):
            raise OperationalError("a statement that was not executed")
        result = run()
        if hit:
            raise OperationalError("a statement that was executed, and its answer lost")
        return result


plan = _Plan()


def _watch(execute: Any, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    step = next((step for step, text in _STEPS.items() if text.match(sql)), "")
    if step == "insert":
        reach("before-insert")
    result = plan.count(lambda: execute(sql, params, many, context), sql)
    connection = context["connection"]
    if step and connection.in_atomic_block:
        connection.faults_pending = getattr(connection, "faults_pending", set()) | {step}
    elif step:
        _committed({step})
    return result


def _committed(steps: set[str]) -> None:
    for step in steps:
        reach(f"after-{step}")


def _install_on(sender: Any, connection: Any, **named: Any) -> None:
    if _watch not in connection.execute_wrappers:
        connection.execute_wrappers.append(_watch)


def install() -> None:
    """Watch statements and commits of every connection of this process."""
    connection_created.connect(_install_on)
    commit, rollback = BaseDatabaseWrapper.commit, BaseDatabaseWrapper.rollback

    def watched_commit(self: Any) -> None:
        pending, self.faults_pending = getattr(self, "faults_pending", set()), set()
        if "rows" in pending:
            reach("before-rows")
        plan.count(lambda: commit(self))
        _committed(pending)

    def watched_rollback(self: Any) -> None:
        self.faults_pending = set()
        rollback(self)

    BaseDatabaseWrapper.commit, BaseDatabaseWrapper.rollback = watched_commit, watched_rollback


def door(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Middleware: read which statement is to fail, and die before the answer."""

    def through(request: Any) -> Any:
        plan.when, _, number = request.headers.get("X-Fault", "").partition(":")
        plan.fails_at, plan.counted = int(number or 0), 0
        try:
            response = get_response(request)
        finally:
            reached, plan.fails_at = plan.counted >= plan.fails_at, 0
        response.headers["X-Fault-Reached"] = str(reached)
        reach("before-answer")
        return response

    return through
