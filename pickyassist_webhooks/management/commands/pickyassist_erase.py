from __future__ import annotations

from collections import Counter
from typing import Any

from django.core.management.base import CommandError, CommandParser

from ...exceptions import NotANumber
from ...models.referring import all_keeping, name_of
from ...models.requests import requests
from ...privacy.erasure import ENCODED, IN_WORK, KEPT, UNREADABLE, Erasure, described
from ...privacy.phone_numbers import Number
from ..arguments import operator
from ..base import AppCommand
from ..progress import Progress, counted


class Command(AppCommand):
    help = (
        "Erase all data about a number: its events and messages, and the bodies, tracebacks and "
        "spool files that contain it."
    )
    is_final = True
    after_fault = "Erased data stays erased; run this again for the rest."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("number", help="with its country code, such as +15550001111")
        parser.add_argument("--by", default=operator(), help="operator (default: %(default)s)")
        super().add_arguments(parser)

    def run(self, options: dict[str, Any]) -> None:
        try:
            erasure = Erasure(Number.given(options["number"]))
        except NotANumber as err:
            raise CommandError(str(err)) from err
        total = requests().filter(erased_at=None).count()
        with Progress(self.stderr, total, "requests read") as line:
            counts = erasure.find(line)
        self.say(options, f"Found for number {erasure.number}: {described(counts)}")
        erased: Counter[str] = Counter()
        question = f"Erase all data about {erasure.number}?"
        if self.confirm(question, options):
            erased = erasure.carry_out(options["by"])
        result = {"found": counts, "erased": erased, "dry_run": options["dry_run"]}
        self.say_result(options, result, f"Erased: {described(erased)}" if erased else "")
        if erased[IN_WORK]:
            raise CommandError(
                f"Skipped {erased[IN_WORK]} requests with this number: they are in progress or "
                "permanently failed. Run pickyassist_process, discard the failed ones in the "
                "admin, then run this again."
            )
        if erased[KEPT]:
            names = ", ".join(map(name_of, all_keeping()))
            raise CommandError(
                f"Kept {counted(erased[KEPT], 'row')} of this number, because rows of your project "
                f"refer to them ({names}). Delete those rows or references, then run this again."
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
