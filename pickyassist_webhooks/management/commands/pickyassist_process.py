from __future__ import annotations

import json
import logging
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DatabaseFault
from django.db import close_old_connections, reset_queries
from django.db.models import Min
from django.utils import timezone

from ...choices import WAITING
from ...exceptions import UnknownSpoolOwner, UnreadableSpoolFile
from ...inbox import spool
from ...inbox.sweep import BATCH, DRAINED, sweep
from ...models.failures import failures
from ...models.heartbeats import PROCESS, beat
from ...models.moments import elapsed
from ...models.requests import requests
from ..arguments import positive
from ..progress import Progress, in_words

logger = logging.getLogger(__name__)

#: Seconds between two heartbeats of a worker.
BEAT = 60.0

#: Seconds between two sweeps of a worker; the second after the database has failed.
PAUSE = 1.0
PAUSE_AFTER_FAULT = 5.0


class Stop:
    """Whether the worker must stop.

    Not a ``threading.Event``: if a signal sets it during a wait, it can deadlock.
    """

    asked = False

    def __call__(self) -> bool:
        return self.asked

    def wait(self, seconds: float) -> None:
        """Return after ``seconds``, or soon after a request to stop."""
        end = time.monotonic() + seconds
        while not self.asked and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, 0.1))


class Command(BaseCommand):
    help = (
        "Process every webhook request that is due: after a crash, after the wait for a retry, "
        "from the spool, and every new request if PROCESSOR is 'none'."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--loop", action="store_true", help="run as a worker until SIGTERM or Ctrl-C"
        )
        parser.add_argument(
            "--batch",
            type=positive,
            default=BATCH,
            help="small requests in one transaction (default: %(default)s)",
        )
        parser.add_argument(
            "--adopt",
            nargs="+",
            type=Path,
            metavar="FILE",
            default=(),
            help="first assign these spool files to this database and scope",
        )
        parser.add_argument("--json", action="store_true", help="print JSON, one line per sweep")

    def check(self, *args: Any, **options: Any) -> None:
        # A system check warns if this command has never run.
        with suppress(DatabaseFault):
            beat(PROCESS)
        super().check(*args, **options)

    def handle(self, *args: Any, **options: Any) -> None:
        _adopt(options["adopt"])
        stopped = Stop()
        self._beat_at = 0.0
        with _stopped_by_signals(stopped):
            if options["loop"]:
                self._loop(stopped, options)
                return
            try:
                self._sweep(stopped, options)
            except DatabaseFault as err:
                raise CommandError(
                    f"The database failed ({type(err).__name__}). No data is lost; run this again. "
                    "On a new database, run migrate first."
                ) from err

    def _loop(self, stopped: Stop, options: dict[str, Any]) -> None:
        while not stopped():
            pause = PAUSE
            try:
                close_old_connections()
                reset_queries()
                if self._sweep(stopped, options, quiet=True):
                    pause = 0.0
            except Exception as err:  # a worker continues after any error
                logger.error("The sweep failed (%s); the worker retries it.", type(err).__name__)
                pause = PAUSE_AFTER_FAULT
            stopped.wait(pause)

    def _sweep(self, stopped: Stop, options: dict[str, Any], quiet: bool = False) -> int:
        """Sweep once, print the result, and return the number of processed requests."""
        self._beat()
        total = 0 if quiet else requests().due().count() + failures().due().count()
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
            result = self._result(counts, drained, time.monotonic() - began, options)
            self.stdout.write(result if quiet or options["json"] else result + _waiting())
        return counts.total() + drained

    def _beat(self) -> None:
        if time.monotonic() >= self._beat_at:
            beat(PROCESS)
            self._beat_at = time.monotonic() + BEAT

    def _result(
        self, counts: Counter[str], drained: int, seconds: float, options: dict[str, Any]
    ) -> str:
        if options["json"]:
            result = {"processed": counts.total(), "states": dict(counts), "drained": drained}
            return json.dumps(result | {"seconds": round(seconds, 3)})
        text = f"Processed {counts.total()}{in_words(counts)}."
        return f"{text} Took {drained} from the spool." if drained else text


def _adopt(paths: Iterable[Path]) -> None:
    for path in paths:
        try:
            spool.adopt(path)
        except (OSError, UnreadableSpoolFile, UnknownSpoolOwner) as err:
            raise CommandError(f"Could not adopt {path}: {err}") from err


def _waiting() -> str:
    """Return the number of requests in progress or waiting, and the time of the next retry."""
    count = requests().unfinished().count()
    queues = (requests().filter(state__in=WAITING), failures())
    due = [queue.aggregate(first=Min("due_at"))["first"] for queue in queues]
    first = min(filter(None, due), default=None)
    if not count or first is None:
        return ""
    seconds = max(0, round(elapsed(timezone.now(), first).total_seconds()))
    return f" {count} more in progress or waiting; next retry in {seconds} s."


@contextmanager
def _stopped_by_signals(stopped: Stop) -> Iterator[None]:
    """Finish the current request on SIGTERM or Ctrl-C; abandon it on the second signal."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread can have signal handlers
        return
    # None means a handler from outside Python, which cannot be restored.
    before = {
        number: signal.getsignal(number) or signal.SIG_DFL
        for number in (signal.SIGTERM, signal.SIGINT)
    }

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def stop(number: int, frame: Any) -> None:
        if stopped.asked:
            restore()  # a third signal has its usual effect
            # The kernel ignores the default of SIGTERM for the first process of a container.
            # KeyboardInterrupt is not handled as a failure of a receiver.
            raise KeyboardInterrupt
        stopped.asked = True

    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        restore()
