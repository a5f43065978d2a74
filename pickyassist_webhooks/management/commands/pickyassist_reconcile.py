from __future__ import annotations

import json
import time
from collections import Counter
from importlib.util import find_spec
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db.models import Count, Min
from django.utils import timezone

from ...choices import PushState
from ...conf import NAME, app_settings
from ...models.moments import elapsed
from ...reconcile.work import Run, Wanted, open_again, reconcile
from ..arguments import moment, positive
from ..base import AppCommand
from ..progress import Progress
from ..stopping import Stop, keep_on, stopped_by_signals

#: Seconds between two looks of a worker; the second after the database has failed.
PAUSE = 5.0
PAUSE_AFTER_FAULT = 15.0


class Command(AppCommand):
    help = (
        "Ask Picky Assist for the reports of recorded pushes that lack some, and process them. "
        "Without --loop, ask once for each push that is due."
    )
    after_fault = "No report is lost; run this again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--push-id",
            action="append",
            default=[],
            metavar="ID",
            help="ask for this push now, even if it is not due; repeat for more",
        )
        parser.add_argument(
            "--project",
            action="append",
            default=[],
            metavar="ID",
            help="only pushes of this project; repeat for more",
        )
        parser.add_argument(
            "--since",
            type=moment,
            metavar="TIME",
            help="only pushes recorded at this time or later",
        )
        parser.add_argument(
            "--max-seconds", type=positive, help="stop after this time; the next run continues"
        )
        parser.add_argument(
            "--loop", action="store_true", help="run as a worker until SIGTERM or Ctrl-C"
        )
        parser.add_argument("--dry-run", action="store_true", help="only count")
        super().add_arguments(parser)

    def run(self, options: dict[str, Any]) -> None:
        _require_settings()
        wanted = Wanted(tuple(options["push_id"]), tuple(options["project"]), options["since"])
        _require_recorded(wanted)
        if options["dry_run"]:
            self.stdout.write(_planned(wanted, options["json"]))
            return
        open_again(wanted)
        stopped = _Until(options["max_seconds"])
        with stopped_by_signals(stopped):
            if options["loop"]:
                self._loop(wanted, stopped, options)
            else:
                self._once(wanted, stopped, options)

    def _once(self, wanted: Wanted, stopped: Stop, options: dict[str, Any]) -> None:
        run, began = Run(), time.monotonic()
        line = Progress(self.stderr, wanted.due().unsettled().count(), "asked")
        reconcile(wanted, run, stopped, stopped.wait, line)
        if run.counts["asked"]:
            line.end()
        self.stdout.write(_result(run, time.monotonic() - began, options["json"], wanted))
        if run.stopped:
            raise CommandError(" ".join(_reasons(run)))

    def _loop(self, wanted: Wanted, stopped: Stop, options: dict[str, Any]) -> None:
        run = Run()

        def once() -> float:
            began = time.monotonic()
            run.counts, before = Counter(), dict(run.stopped)
            try:
                reconcile(wanted, run, stopped, stopped.wait)
            finally:
                if +run.counts:
                    self.stdout.write(_result(run, time.monotonic() - began, options["json"]))
                for reason in _reasons(Run(stopped=dict(run.stopped.items() - before.items()))):
                    self.stderr.write(reason)
            return PAUSE

        keep_on(once, stopped, "Reconciling", PAUSE_AFTER_FAULT)


class _Until(Stop):
    """Stop at a signal, or after some seconds."""

    def __init__(self, seconds: int | None) -> None:
        self.end = None if seconds is None else time.monotonic() + seconds

    def __call__(self) -> bool:
        return self.asked or (self.end is not None and time.monotonic() >= self.end)


def _require_settings() -> None:
    if not app_settings.api_tokens:
        raise CommandError(
            f"Reconciling is off: {NAME}['API_TOKENS'] is empty. Set it to {{project_id: token}}."
        )
    if find_spec("httpx") is None:
        raise CommandError(
            'httpx is missing; install it: pip install "django-pickyassist-webhooks[reconcile]".'
        )
    if not app_settings.api_url:
        raise CommandError(f"{NAME}['API_URL'] is invalid; run manage.py check.")


def _require_recorded(wanted: Wanted) -> None:
    recorded = set(wanted.pushes().values_list("push_id", flat=True)) if wanted.push_ids else set()
    for push_id in wanted.push_ids:
        if push_id not in recorded:
            raise CommandError(f"No push with the id {push_id!r} is recorded.")


def _planned(wanted: Wanted, as_json: bool) -> str:
    """Return for how many pushes a run would ask now, in each project."""
    due = wanted.due().unsettled().order_by().values("project_id").annotate(count=Count("*"))
    projects = dict(due.values_list("project_id", "count").order_by("project_id"))
    total = sum(projects.values())
    if as_json:
        return json.dumps({"dry_run": True, "due": total, "projects": projects})
    counted = ", ".join(f"project {project}: {count}" for project, count in projects.items())
    return f"Would ask for {_counted(total, 'push', 'pushes')}{counted and f' ({counted})'}."


def _result(run: Run, seconds: float, as_json: bool, wanted: Wanted | None = None) -> str:
    counts = run.counts
    if as_json:
        names = ("asked", "reports", "settled", "open", "given_up", "failed")
        result = {"dry_run": False} | {name: counts[name] for name in names}
        stopped = {project: reason for project, (reason, _) in run.stopped.items()}
        return json.dumps(result | {"stopped": stopped, "seconds": round(seconds, 3)})
    parts = [
        _counted(counts["reports"], "new report", "new reports"),
        f"{counts['failed']} failed",
        f"{counts['given_up']} given up",
    ]
    words = ", ".join(part for part in parts if not part.startswith("0 "))
    text = f"Asked for {_counted(counts['asked'], 'push', 'pushes')}{words and f' ({words})'}."
    text += f" Settled {counts['settled']}." if counts["settled"] else ""
    return text + (_waiting(wanted) if wanted else "")


def _waiting(wanted: Wanted) -> str:
    left = (
        wanted.pushes().filter(state=PushState.OPEN).aggregate(count=Count("*"), at=Min("due_at"))
    )
    if not left["count"]:
        return ""
    seconds = max(0, round(elapsed(timezone.now(), left["at"]).total_seconds()))
    return f" Still open: {left['count']}; the next is due in {seconds} s."


def _counted(count: int, singular: str, plural: str) -> str:
    return f"{count} {singular if count == 1 else plural}"


def _reasons(run: Run) -> list[str]:
    return [f"Stopped for project {project}: {why}." for project, (why, _) in run.stopped.items()]
