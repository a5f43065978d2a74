"""Points at which a process is killed or a statement fails; the app itself is not changed.

A file arms a point. The process that reaches the point and removes the file dies, so each file
kills once. A header of the request asks for a failing statement.
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

#: The points of a request, each in the process that usually reaches it, and the points that a
#: worker reaches too if it does all steps. Before the rows, the recorded ones are looked up.
POINTS = (
    "server.in-parse",
    "server.before-insert",
    "server.after-insert",
    "worker.after-claim",
    "server.before-rows",
    "server.after-rows",
    "server.between-signals",
    "server.in-receiver",
    "server.before-finish",
    "server.before-answer",
    "worker.in-parse",
    "worker.before-rows",
    "worker.after-rows",
    "worker.between-signals",
    "worker.in-receiver",
    "worker.before-finish",
)

#: The step of a statement, by its text.
_STEPS = {
    step: re.compile(text.replace("@", '["`]pickyassist_webhooks_'))
    for step, text in {
        # On PostgreSQL all that is written is one statement.
        "insert": "(WITH .*)?INSERT INTO @webhookrequest",
        "claim": r'UPDATE @webhookrequest["`] SET .*["`]attempts["`] = \(.*["`]attempts["`] \+',
        "rows": "(WITH .*)?INSERT INTO @"
        "(deliveryreport|filterreport|groupmemberevent|newsubscriber|chatmessage)",
        "finish": 'UPDATE @webhookrequest["`] SET ["`]state["`] = ',
        "turn": 'UPDATE @callrate["`]',
        "push": 'UPDATE @push["`]',
    }.items()
}


def reach(point: str) -> None:
    """Die if this point is armed for the role of this process."""
    role = os.environ.get("FAULTS_ROLE")
    try:
        (Path(settings.FAULTS_FOLDER) / "armed" / f"{role}.{point}").unlink()
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


class _Plan(threading.local):
    """Which statement of the current request must fail, and how many there were so far."""

    fails_at = 0
    when = ""
    counted = 0

    def count(self, run: Callable[[], Any], sql: str = "") -> Any:
        if not self.fails_at:
            return run()
        self.counted += 1
        hit = self.counted == self.fails_at
        # SQLite's BEGIN has no answer that could be lost.
        if hit and (self.when == "before" or sql.startswith("BEGIN")):
            raise OperationalError("a statement that was not executed")
        result = run()
        if hit:
            raise OperationalError("a statement that was executed, but its answer is lost")
        return result


plan = _Plan()


def _watch(execute: Any, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    steps = {step for step, text in _STEPS.items() if text.match(sql)}
    for step in steps & {"insert", "rows", "finish", "push"}:
        reach(f"before-{step}")
    result = plan.count(lambda: execute(sql, params, many, context), sql)
    connection = context["connection"]
    if connection.in_atomic_block:
        connection.faults_pending = getattr(connection, "faults_pending", set()) | steps
    else:
        _committed(steps)
    return result


def _committed(steps: set[str]) -> None:
    for step in steps:
        reach(f"after-{step}")


def _install_on(sender: Any, connection: Any, **named: Any) -> None:
    if _watch not in connection.execute_wrappers:
        connection.execute_wrappers.append(_watch)


def install() -> None:
    """Watch the parser, and the statements and commits of all connections of this process."""
    from pickyassist_webhooks.inbox import worker

    def watched(parse: Callable[..., Any]) -> Callable[..., Any]:
        def watched_parse(*arguments: Any) -> Any:
            reach("in-parse")
            return parse(*arguments)

        return watched_parse

    worker.parse, worker.parse_pulled = watched(worker.parse), watched(worker.parse_pulled)
    connection_created.connect(_install_on)
    commit, rollback = BaseDatabaseWrapper.commit, BaseDatabaseWrapper.rollback

    def watched_commit(self: Any) -> None:
        pending, self.faults_pending = getattr(self, "faults_pending", set()), set()
        plan.count(lambda: commit(self))
        _committed(pending)

    def watched_rollback(self: Any) -> None:
        self.faults_pending = set()
        rollback(self)

    BaseDatabaseWrapper.commit, BaseDatabaseWrapper.rollback = watched_commit, watched_rollback


def door(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Middleware: read which statement must fail, and die before the answer if armed."""

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
