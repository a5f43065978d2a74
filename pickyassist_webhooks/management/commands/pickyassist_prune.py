from __future__ import annotations

import json
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DatabaseFault

from ...choices import RequestState
from ...conf import app_settings
from ...retention import prunable, prune
from ..arguments import positive
from ..asking import agreed
from ..progress import Progress


class Command(BaseCommand):
    help = (
        "Delete requests with their bodies, and events with their messages, that are older than "
        "RETENTION_DAYS allows. What is in work stays, and so does what waits for a person."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--quarantined", action="store_true", help="quarantined requests too")
        parser.add_argument("--dead", action="store_true", help="dead requests too")
        parser.add_argument("--dry-run", action="store_true", help="only count")
        parser.add_argument(
            "--max-seconds", type=positive, help="stop after so long; the next run goes on"
        )
        parser.add_argument("--no-input", "--noinput", action="store_false", dest="interactive")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        if not any(map(app_settings.retention, ("bodies", "events"))):
            raise CommandError(
                'Everything is kept, as RETENTION_DAYS names neither "bodies" nor "events"; '
                'write for example {"bodies": 90, "events": 365}.'
            )
        try:
            self._prune(options)
        except DatabaseFault as err:
            raise CommandError(
                f"The database failed ({type(err).__name__}); what is pruned is pruned, run this "
                "again for the rest; on a new database run migrate first."
            ) from err

    def _prune(self, options: dict[str, Any]) -> None:
        began = time.monotonic()
        chosen = prunable(
            state for state in (RequestState.QUARANTINED, RequestState.DEAD) if options[state.value]
        )
        found = {rows.model: rows.count() for rows in chosen}
        total = sum(found.values())
        if not options["json"]:
            self.stdout.write(f"{_counted(found)} older than RETENTION_DAYS allows")
        pruned = dict.fromkeys(found, 0)
        finished = not total

        def is_late() -> bool:
            limit = options["max_seconds"]
            return limit is not None and time.monotonic() - began >= limit

        if total and not options["dry_run"] and agreed(f"Delete {total} rows?", options):
            line = Progress(self.stderr, total, "pruned")
            for rows in chosen:
                for count in prune(rows, is_late):
                    pruned[rows.model] += count
                    line(sum(pruned.values()))
            line.end()
            finished = sum(pruned.values()) >= total or not is_late()
        if options["json"]:
            said = {"found": _named(found), "pruned": _named(pruned), "finished": finished}
            self.stdout.write(json.dumps(said | {"dry_run": options["dry_run"]}))
        elif any(pruned.values()):
            rest = "" if finished else "; the time was up, run this again for the rest"
            self.stdout.write(f"{_counted(pruned)} pruned{rest}")


def _counted(counts: dict[Any, int]) -> str:
    return ", ".join(
        f"{count} {model._meta.verbose_name_plural}" for model, count in counts.items()
    )


def _named(counts: dict[Any, int]) -> dict[str, int]:
    return {model.__name__: count for model, count in counts.items()}
