from __future__ import annotations

import time
from collections import Counter
from importlib.util import find_spec
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db.models import Count, Min

from ...choices import PushState
from ...conf import NAME, app_settings
from ...parsing.characters import storable
from ...reconcile.work import Run, Wanted, open_again, reconcile
from ..arguments import moment, positive
from ..base import AppCommand
from ..progress import Progress, counted, seconds_until
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
            type=storable,  # text that is not UTF-8 fits into no database
            default=[],
            metavar="ID",
            help="ask for this push now, even if it is not due; repeat for more",
        )
        parser.add_argument(
            "--project",
            action="append",
            type=storable,
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
        self._warn_of_unknown(wanted)
        if options["dry_run"]:
            self._plan(wanted, options)
            return
        open_again(wanted)
        with stopped_by_signals(options["max_seconds"]) as stopped:
            if options["loop"]:
                self._loop(wanted, stopped, options)
            else:
                self._once(wanted, stopped, options)

    def _warn_of_unknown(self, wanted: Wanted) -> None:
        """Warn of projects that may be mistyped."""
        tokens = app_settings.api_tokens
        for project in wanted.projects:
            has_pushes = Wanted(projects=(project,)).pushes().exists()
            # A function may have a token for any project.
            if isinstance(tokens, dict) and project not in tokens and not has_pushes:
                self.stderr.write(f"Project {project!r} has no token in API_TOKENS and no push.")

    def _once(self, wanted: Wanted, stopped: Stop, options: dict[str, Any]) -> None:
        run, began = Run(), time.monotonic()
        with Progress(self.stderr, wanted.due().unsettled().count(), "asked") as line:
            reconcile(wanted, run, stopped, stopped.wait, line)
        self._report(run, began, options, "" if options["json"] else _waiting(wanted, run))
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
                    self._report(run, began, options)
                for reason in _reasons(Run(stopped=dict(run.stopped.items() - before.items()))):
                    self.stderr.write(reason)
            return PAUSE

        keep_on(once, stopped, "Reconciling", PAUSE_AFTER_FAULT)

    def _plan(self, wanted: Wanted, options: dict[str, Any]) -> None:
        """Print for how many pushes a run would ask now, in each project."""
        due = wanted.to_ask().order_by().values("project_id").annotate(count=Count("*"))
        projects = dict(due.values_list("project_id", "count").order_by("project_id"))
        total = sum(projects.values())
        words = ", ".join(f"project {project}: {count}" for project, count in projects.items())
        text = f"Would ask for {counted(total, 'push', 'pushes')}{words and f' ({words})'}."
        self.say_result(options, {"dry_run": True, "due": total, "projects": projects}, text)

    def _report(self, run: Run, began: float, options: dict[str, Any], waiting: str = "") -> None:
        counts = run.counts
        names = ("asked", "reports", "settled", "open", "given_up", "failed")
        result: dict[str, Any] = {"dry_run": False} | {name: counts[name] for name in names}
        stopped = {project: reason for project, (reason, _) in run.stopped.items()}
        result |= {"stopped": stopped, "seconds": round(time.monotonic() - began, 3)}
        parts = [
            counted(counts["reports"], "new report"),
            f"{counts['failed']} failed",
            f"{counts['given_up']} given up",
        ]
        words = ", ".join(part for part in parts if not part.startswith("0 "))
        text = f"Asked for {counted(counts['asked'], 'push', 'pushes')}{words and f' ({words})'}."
        text += f" Settled {counts['settled']}." if counts["settled"] else ""
        self.say_result(options, result, text + waiting)


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


def _waiting(wanted: Wanted, run: Run) -> str:
    left = (
        wanted.pushes().filter(state=PushState.OPEN).aggregate(count=Count("*"), at=Min("due_at"))
    )
    if not left["count"]:
        return ""
    if run.pause:
        pause = round(run.pause.total_seconds())
        return f" Still open: {left['count']}; Picky Assist allows the next call in {pause} s."
    return f" Still open: {left['count']}; the next is due in {seconds_until(left['at'])} s."


def _reasons(run: Run) -> list[str]:
    return [f"Stopped for project {project}: {why}." for project, (why, _) in run.stopped.items()]
