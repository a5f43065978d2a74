from __future__ import annotations

import traceback
from typing import Any

from ...alarms import look
from ...choices import Level
from ...health.levels import Condition
from ..base import AppCommand


class Command(AppCommand):
    help = (
        "Report whether requests are received and processed, one line for each condition. Exits "
        "with 0 if all are ok, 1 if one is degraded, 2 if one is failing or there is no report. "
        "Raises and clears alarms."
    )
    # A mistake in the settings must not replace the report.
    requires_system_checks: Any = []

    def run(self, options: dict[str, Any]) -> None:
        try:
            self._report(options)
        except Exception:
            # Python would exit with 1, and a monitor takes that for a report.
            self.stderr.write(traceback.format_exc())
            raise SystemExit(Level.FAILING.rank) from None

    def _report(self, options: dict[str, Any]) -> None:
        report = look()
        self.say_result(options, report.as_dict())
        for condition in report.conditions:
            # With --verbosity 0, cron has nothing to mail while all is ok.
            if options["verbosity"] or condition.level != Level.OK:
                self.say(options, self._line(condition))
        if report.status != Level.OK:
            raise SystemExit(report.status.rank)

    def _line(self, condition: Condition) -> str:
        style = {Level.OK: self.style.SUCCESS, Level.DEGRADED: self.style.WARNING}
        level = style.get(condition.level, self.style.ERROR)(f"{condition.level.value:<8}")
        return f"{level}  {condition.condition}: {condition.reason}"
