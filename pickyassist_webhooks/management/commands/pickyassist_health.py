from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from ...alarms import look
from ...choices import Level
from ...health.levels import Condition


class Command(BaseCommand):
    help = (
        "Report whether requests are received and processed, one line for each condition. Exits "
        "with 0 if all are ok, 1 if one is degraded, 2 if one is failing. Raises and clears alarms."
    )
    # A mistake in the settings must not replace the report.
    requires_system_checks: Any = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        report = look()
        if options["json"]:
            self.stdout.write(json.dumps(report.as_dict()))
        else:
            # With --verbosity 0, cron has nothing to mail while all is ok.
            for condition in report.conditions:
                if options["verbosity"] or condition.level != Level.OK:
                    self.stdout.write(self._line(condition))
        if report.status != Level.OK:
            raise SystemExit(report.status.rank)

    def _line(self, condition: Condition) -> str:
        style = {Level.OK: self.style.SUCCESS, Level.DEGRADED: self.style.WARNING}
        level = style.get(condition.level, self.style.ERROR)(f"{condition.level.value:<8}")
        return f"{level}  {condition.condition}: {condition.reason}"
