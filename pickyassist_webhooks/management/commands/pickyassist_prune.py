from __future__ import annotations

import json
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DatabaseFault

from ...choices import RequestState
from ...conf import app_settings
from ...privacy.retention import prunable, prune
from ..arguments import positive
from ..confirming import confirm
from ..progress import Progress


class Command(BaseCommand):
    help = (
        "Delete requests with their bodies, and events with their messages, that are older than "
        "RETENTION_DAYS allows. Requests in progress, quarantined or permanently failed are kept."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--quarantined", action="store_true", help="also delete quarantined requests"
        )
        parser.add_argument(
            "--dead", action="store_true", help="also delete dead (permanently failed) requests"
        )
        parser.add_argument("--dry-run", action="store_true", help="only count")
        parser.add_argument(
            "--max-seconds", type=positive, help="stop after this time; the next run continues"
        )
        parser.add_argument("--no-input", "--noinput", action="store_false", dest="interactive")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        if not any(map(app_settings.retention, ("bodies", "events"))):
            raise CommandError(
                'RETENTION_DAYS has neither "bodies" nor "events", so everything is kept; '
                'set it, for example to {"bodies": 90, "events": 365}.'
            )
        try:
            self._prune(options)
        except DatabaseFault as err:
            raise CommandError(
                f"The database failed ({type(err).__name__}). Pruned rows stay pruned; run this "
                "again for the rest. On a new database, run migrate first."
            ) from err

    def _prune(self, options: dict[str, Any]) -> None:
        began = time.monotonic()
        chosen = prunable(
            state for state in (RequestState.QUARANTINED, RequestState.DEAD) if options[state.value]
        )
        counts = {rows.model: rows.count() for rows in chosen}
        total = sum(counts.values())
        if not options["json"]:
            self.stdout.write(f"{_counted(counts)} older than RETENTION_DAYS allows")
        pruned = dict.fromkeys(counts, 0)
        finished = not total

        def is_late() -> bool:
            limit = options["max_seconds"]
            return limit is not None and time.monotonic() - began >= limit

        if total and not options["dry_run"] and confirm(f"Delete {total} rows?", options):
            line = Progress(self.stderr, total, "pruned")
            for rows in chosen:
                for count in prune(rows, is_late):
                    pruned[rows.model] += count
                    line(sum(pruned.values()))
            line.end()
            finished = sum(pruned.values()) >= total or not is_late()
        if options["json"]:
            result = {"found": _named(counts), "pruned": _named(pruned), "finished": finished}
            self.stdout.write(json.dumps(result | {"dry_run": options["dry_run"]}))
        elif any(pruned.values()):
            rest = "" if finished else "; time limit reached, run this again for the rest"
            self.stdout.write(f"{_counted(pruned)} pruned{rest}")


def _counted(counts: dict[Any, int]) -> str:
    return ", ".join(
        f"{count} {model._meta.verbose_name_plural}" for model, count in counts.items()
    )


def _named(counts: dict[Any, int]) -> dict[str, int]:
    return {model.__name__: count for model, count in counts.items()}
