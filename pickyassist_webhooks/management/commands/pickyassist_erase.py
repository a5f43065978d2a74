from __future__ import annotations

import json
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DatabaseFault

from ...erasure import ENCODED, IN_WORK, UNREADABLE, Erasure, described
from ...ingest import requests
from ...numbers import Number
from ..arguments import operator
from ..asking import agreed
from ..progress import Progress


class Command(BaseCommand):
    help = (
        "Erase all that is kept of a number: its events and messages, and the bodies, tracebacks "
        "and spool files that hold it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("number", help="with its country code, written in any way")
        parser.add_argument("--by", default=operator(), help="who asks (default: %(default)s)")
        parser.add_argument("--dry-run", action="store_true", help="only count")
        parser.add_argument("--no-input", "--noinput", action="store_false", dest="interactive")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if any(map(str.isalpha, options["number"])):
                raise ValueError("expected digits, came letters too")
            erasure = Erasure(Number(options["number"]))
        except ValueError as err:
            raise CommandError(f"This is no number that could be looked for: {err}.") from err
        try:
            self._erase(erasure, options)
        except DatabaseFault as err:
            raise CommandError(
                f"The database failed ({type(err).__name__}); what is erased is erased, run this "
                "again for the rest; on a new database run migrate first."
            ) from err

    def _erase(self, erasure: Erasure, options: dict[str, Any]) -> None:
        line = Progress(self.stderr, requests().filter(erased_at=None).count(), "requests read")
        found = erasure.find(line)
        line.end()
        if not options["json"]:
            self.stdout.write(f"Found of number {erasure.number}: {described(found)}")
        erased: Counter[str] = Counter()
        question = f"Erase all that is kept of {erasure.number}?"
        if not options["dry_run"] and agreed(question, options):
            erased = erasure.carry_out(options["by"])
        if options["json"]:
            said = {"found": found, "erased": erased, "dry_run": options["dry_run"]}
            self.stdout.write(json.dumps(said))
        elif erased:
            self.stdout.write(f"Erased: {described(erased)}")
        if erased[IN_WORK]:
            raise CommandError(
                f"{erased[IN_WORK]} requests that hold the number are still in work, or dead, and "
                "were left as they are; have pickyassist_process finish them, discard the dead "
                "ones in the admin, then run this again."
            )
        if found[UNREADABLE] or erased[UNREADABLE]:
            raise CommandError(
                "Some files in SPOOL_DIR can be read or written by another user only, and were "
                "left as they are; run this as the user of the server."
            )
        if found[ENCODED]:
            self.stderr.write(
                f"{found[ENCODED]} bodies came in a Content-Encoding that cannot be read here; "
                "look at them in the admin, in the list of quarantined requests."
            )
