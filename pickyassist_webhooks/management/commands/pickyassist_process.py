from __future__ import annotations

import json
import logging
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DatabaseFault
from django.db import close_old_connections, reset_queries
from django.db.models import Count, Min
from django.utils import timezone

from ... import ingest
from ...sweep import BATCH, DRAINED, sweep
from ..arguments import positive
from ..progress import Progress

logger = logging.getLogger(__name__)

#: Seconds between two sweeps of a worker, and between two where the database is away.
PAUSE = 1.0
PAUSE_AFTER_FAULT = 5.0


class Stop:
    """Whether the worker was asked to stop.

    Not a ``threading.Event``: set by a signal while it is waited for, it may wait for itself.
    """

    asked = False

    def __call__(self) -> bool:
        return self.asked

    def wait(self, seconds: float) -> None:
        """Return after so many seconds, or soon after it was asked."""
        end = time.monotonic() + seconds
        while not self.asked and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, 0.1))


class Command(BaseCommand):
    help = (
        "Process every webhook request that is due: what a crash left behind, what failed and has "
        "rested, what waits in the spool, and all of it where PROCESSOR is 'none'."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--loop", action="store_true", help="go on as a worker until SIGTERM or Ctrl-C"
        )
        parser.add_argument(
            "--batch",
            type=positive,
            default=BATCH,
            help="small requests taken into one transaction (default: %(default)s)",
        )
        parser.add_argument("--json", action="store_true", help="print JSON, a line for a sweep")

    def handle(self, *args: Any, **options: Any) -> None:
        stopped = Stop()
        with _stopped_by_signals(stopped):
            if options["loop"]:
                self._loop(stopped, options)
                return
            try:
                self._sweep(stopped, options)
            except DatabaseFault as err:
                raise CommandError(
                    f"The database could not be asked for what is due ({type(err).__name__}); "
                    "nothing is lost, run this again; on a new database run migrate first."
                ) from err

    def _loop(self, stopped: Stop, options: dict[str, Any]) -> None:
        while not stopped():
            pause = PAUSE
            try:
                close_old_connections()
                reset_queries()
                if self._sweep(stopped, options, quiet=True):
                    pause = 0.0
            except Exception as err:  # a worker goes on, whatever it was
                logger.error("The sweep goes on later: %s", type(err).__name__)
                pause = PAUSE_AFTER_FAULT
            stopped.wait(pause)

    def _sweep(self, stopped: Stop, options: dict[str, Any], quiet: bool = False) -> int:
        """Sweep once, say what was done, and return how much that was."""
        total = 0 if quiet else ingest.requests().due().count()
        line = Progress(self.stderr, total, "processed")
        began = time.monotonic()
        counts = sweep(
            options["batch"],
            stopped,
            lambda counts: line(counts.total() - counts[DRAINED]),
        )
        drained = counts.pop(DRAINED, 0)
        if counts and not quiet:
            line.end()
        if not quiet or counts or drained:
            said = self._said(counts, drained, time.monotonic() - began, options)
            self.stdout.write(said if quiet or options["json"] else said + _waiting())
        return counts.total() + drained

    def _said(
        self, counts: Counter[str], drained: int, seconds: float, options: dict[str, Any]
    ) -> str:
        if options["json"]:
            said = {"processed": counts.total(), "states": dict(counts), "drained": drained}
            return json.dumps(said | {"seconds": round(seconds, 3)})
        states = ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))
        text = f"{counts.total()} processed{': ' + states if states else ''}"
        return f"{text}; {drained} taken from the spool" if drained else text


def _waiting() -> str:
    """Return how many requests a worker holds or rest until they are tried again."""
    waiting = ingest.requests().unfinished().aggregate(count=Count("pk"), first=Min("due_at"))
    if not waiting["count"]:
        return ""
    seconds = max(0, round((waiting["first"] - timezone.now()).total_seconds()))
    return f"; {waiting['count']} in work or resting, due in {seconds} s at the earliest"


@contextmanager
def _stopped_by_signals(stopped: Stop) -> Iterator[None]:
    """Finish the request in hand on SIGTERM or Ctrl-C; a second one does what it always does."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may have handlers
        return
    # None stands for a handler that is not Python's, which cannot be put back.
    before = {
        number: signal.getsignal(number) or signal.SIG_DFL
        for number in (signal.SIGTERM, signal.SIGINT)
    }

    def stop(number: int, frame: Any) -> None:
        stopped.asked = True
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
