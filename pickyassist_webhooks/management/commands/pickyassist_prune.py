from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from ...choices import RequestState
from ...conf import app_settings
from ...privacy.retention import prunable, prune
from ..arguments import positive
from ..base import AppCommand
from ..progress import Progress
from ..stopping import Stop


class Command(AppCommand):
    help = (
        "Delete requests with their bodies, and events with their messages, that are older than "
        "RETENTION_DAYS allows. Requests in progress, quarantined or permanently failed are kept."
    )
    is_final = True
    after_fault = "Pruned rows stay pruned; run this again for the rest."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--quarantined", action="store_true", help="also delete quarantined requests"
        )
        parser.add_argument(
            "--dead", action="store_true", help="also delete dead (permanently failed) requests"
        )
        parser.add_argument(
            "--max-seconds", type=positive, help="stop after this time; the next run continues"
        )
        super().add_arguments(parser)

    def run(self, options: dict[str, Any]) -> None:
        if not any(map(app_settings.retention, ("bodies", "events"))):
            raise CommandError(
                'RETENTION_DAYS has neither "bodies" nor "events", so everything is kept; '
                'set it, for example to {"bodies": 90, "events": 365}.'
            )
        chosen = prunable(
            state for state in (RequestState.QUARANTINED, RequestState.DEAD) if options[state.value]
        )
        counts = {rows.model: rows.count() for rows in chosen}
        total = sum(counts.values())
        self.say(options, f"{_counted(counts)} older than RETENTION_DAYS allows")
        pruned = dict.fromkeys(counts, 0)
        finished, rest = not total, ""

        if total and self.confirm(f"Delete {total} rows?", options):
            is_late = Stop(options["max_seconds"])
            with Progress(self.stderr, total, "pruned") as line:
                for rows in chosen:
                    for count in prune(rows, is_late):
                        pruned[rows.model] += count
                        line(sum(pruned.values()))
            finished = sum(pruned.values()) >= total or not is_late()
            rest = "" if finished else "; time limit reached, run this again for the rest"
        result = {"found": _named(counts), "pruned": _named(pruned), "finished": finished}
        text = f"{_counted(pruned)} pruned{rest}" if any(pruned.values()) or rest else ""
        self.say_result(options, result | {"dry_run": options["dry_run"]}, text)


def _counted(counts: dict[Any, int]) -> str:
    return ", ".join(
        f"{count} {model._meta.verbose_name_plural}" for model, count in counts.items()
    )


def _named(counts: dict[Any, int]) -> dict[str, int]:
    return {model.__name__: count for model, count in counts.items()}
