from __future__ import annotations

import json
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DatabaseFault

from ...exceptions import NotANumber
from ...models.requests import requests
from ...privacy.erasure import ENCODED, IN_WORK, UNREADABLE, Erasure, described
from ...privacy.phone_numbers import Number
from ..arguments import operator
from ..confirming import confirm
from ..progress import Progress


class Command(BaseCommand):
    help = (
        "Erase all data about a number: its events and messages, and the bodies, tracebacks and "
        "spool files that contain it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("number", help="with its country code, such as +15550001111")
        parser.add_argument("--by", default=operator(), help="operator (default: %(default)s)")
        parser.add_argument("--dry-run", action="store_true", help="only count")
        parser.add_argument("--no-input", "--noinput", action="store_false", dest="interactive")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            erasure = Erasure(Number.given(options["number"]))
        except NotANumber as err:
            raise CommandError(str(err)) from err
        try:
            self._erase(erasure, options)
        except DatabaseFault as err:
            raise CommandError(
                f"The database failed ({type(err).__name__}). Erased data stays erased; run this "
                "again for the rest. On a new database, run migrate first."
            ) from err

    def _erase(self, erasure: Erasure, options: dict[str, Any]) -> None:
        line = Progress(self.stderr, requests().filter(erased_at=None).count(), "requests read")
        counts = erasure.find(line)
        line.end()
        if not options["json"]:
            self.stdout.write(f"Found for number {erasure.number}: {described(counts)}")
        erased: Counter[str] = Counter()
        question = f"Erase all data about {erasure.number}?"
        if not options["dry_run"] and confirm(question, options):
            erased = erasure.carry_out(options["by"])
        if options["json"]:
            result = {"found": counts, "erased": erased, "dry_run": options["dry_run"]}
            self.stdout.write(json.dumps(result))
        elif erased:
            self.stdout.write(f"Erased: {described(erased)}")
        if erased[IN_WORK]:
            raise CommandError(
                f"Skipped {erased[IN_WORK]} requests with this number: they are in progress or "
                "permanently failed. Run pickyassist_process, discard the failed ones in the "
                "admin, then run this again."
            )
        if counts[UNREADABLE] or erased[UNREADABLE]:
            raise CommandError(
                "Skipped some files in SPOOL_DIR: they belong to another user or an unknown "
                "database, or are not regular files. See the log, or run this as the server user."
            )
        if counts[ENCODED]:
            self.stderr.write(
                f"{counts[ENCODED]} bodies have a Content-Encoding that cannot be read; check "
                "them in the admin, in the list of quarantined requests."
            )
