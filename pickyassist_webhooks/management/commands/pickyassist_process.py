from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from math import inf
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import Error as DatabaseFault
from django.db.models import Min

from ...alarms import look
from ...checks.processing import running_here
from ...choices import WAITING
from ...exceptions import UnknownSpoolOwner, UnreadableSpoolFile
from ...inbox import spool
from ...inbox.sweep import BATCH, DRAINED, sweep
from ...models.failures import failures
from ...models.heartbeats import PROCESS, beat
from ...models.requests import requests
from ..arguments import positive
from ..base import AppCommand
from ..progress import Progress, in_words, seconds_until
from ..stopping import Stop, keep_on, stopped_by_signals

#: Seconds between two heartbeats of a worker, and between two looks at the health.
BEAT = 60.0
LOOK = 60.0

#: Seconds between two sweeps of a worker; the second after the database has failed.
PAUSE = 1.0
PAUSE_AFTER_FAULT = 5.0


class Command(AppCommand):
    help = (
        "Process every webhook request that is due: after a crash, after the wait for a retry, "
        "from the spool, and every new request if PROCESSOR is 'none'."
    )
    json_help = "print JSON, one line per sweep"

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
        super().add_arguments(parser)

    def check(self, *args: Any, **options: Any) -> None:
        with running_here():  # or a system check would warn that this command has never run
            super().check(*args, **options)

    def run(self, options: dict[str, Any]) -> None:
        _adopt(options["adopt"])
        self._beat_at = self._look_at = 0.0
        with stopped_by_signals() as stopped:
            if options["loop"]:
                keep_on(
                    lambda: 0.0 if self._sweep(stopped, options, quiet=True) else PAUSE,
                    *(stopped, "The sweep", PAUSE_AFTER_FAULT),
                )
            else:
                self._sweep(stopped, options)

    def _sweep(self, stopped: Stop, options: dict[str, Any], quiet: bool = False) -> int:
        """Sweep once, print the result, and return the number of processed requests."""

        def stop() -> bool:
            with suppress(DatabaseFault):  # the next statement raises it, too
                self._beat()
            return stopped()

        self._beat()
        total = 0 if quiet else requests().due().count() + failures().due().count()
        began = time.monotonic()
        with Progress(self.stderr, total, "processed") as line:
            turn = LOOK if options["loop"] else inf
            counts = sweep(
                options["batch"], stop, lambda counts: self._report(line, counts, began), turn
            )
        drained = counts.pop(DRAINED, 0)
        if not quiet or counts or drained:
            text = f"Processed {counts.total()}{in_words(counts)}."
            text += f" Took {drained} from the spool." if drained else ""
            result = {"processed": counts.total(), "states": dict(counts), "drained": drained}
            result["seconds"] = round(time.monotonic() - began, 3)
            text += "" if quiet or options["json"] else _waiting()
            self.say_result(options, result, text)
        self._look()
        return counts.total() + drained

    def _report(self, line: Progress, counts: Counter[str], began: float) -> None:
        line(counts.total() - counts[DRAINED])
        if time.monotonic() - began >= LOOK:  # a backlog can take hours
            self._look()

    def _look(self) -> None:
        """Raise and clear alarms, at most once in ``LOOK`` seconds."""
        if time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + LOOK
            look()

    def _beat(self) -> None:
        if time.monotonic() >= self._beat_at:
            beat(PROCESS)
            self._beat_at = time.monotonic() + BEAT


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
    return f" {count} more in progress or waiting; next retry in {seconds_until(first)} s."
