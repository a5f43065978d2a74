"""The alarms: signals and calls when a condition of the health report changes."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from django.core import mail
from django.db import Error as DatabaseFault
from django.utils import timezone
from django.utils.module_loading import import_string

from . import health, signals
from .choices import Level
from .conf import app_settings
from .exceptions import FAILURES
from .health.levels import Condition, Report
from .health.reports import DATABASE
from .insights import streams
from .models.alarms import Alarm, alarms
from .models.moments import later

logger = logging.getLogger(__name__)

#: After so long a callable is called again: if it raised, and if it has not returned. Then its
#: process crashed, but a mail server can also take minutes.
_PAUSE, _CLAIM = timedelta(seconds=60), timedelta(minutes=10)


def mail_admins(condition: str, level: str, reason: str) -> None:
    """Mail an alarm to ``ADMINS``. For the setting ``ALARM``."""
    mail.mail_admins(f"Picky Assist webhooks: {condition} is {level}", f"{reason}\n")


def look() -> Report:
    """Return the health report, and raise and clear the alarms that follow from it.

    Only the first process that looks after a change notices it.
    """
    try:
        streams.store()
    except Exception as err:  # the report reads its own facts
        logger.warning("Could not store the new events of streams (%s)", type(err).__name__)
    report = health.report()
    if report.conditions[0].level == Level.OK:
        try:
            _raise_and_clear(report)
        except DatabaseFault as err:  # it may be read-only; the report is right all the same
            logger.error("Could not raise or clear alarms (%s)", type(err).__name__)
    return report


def _raise_and_clear(report: Report) -> None:
    stored = {alarm.condition: alarm for alarm in alarms()}
    for condition in report.conditions:
        if condition.condition != DATABASE:
            _notice(condition, stored.get(condition.condition))
    _call()


def _notice(condition: Condition, stored: Alarm | None) -> None:
    """Send a signal if a level has changed and no other process has noticed it."""
    before = Level(stored.level) if stored else Level.OK
    if condition.level == before:
        return
    now = timezone.now()
    name, level, reason = condition.condition, condition.level.value, condition.reason
    if stored is None:
        first = Alarm(condition=name, changed_at=now)
        alarms().bulk_create([first], ignore_conflicts=True)
    is_raised = condition.level.rank > before.rank
    changes: dict[str, Any] = {"level": level, "reason": reason, "changed_at": now}
    # A call that failed is still due if the level only falls.
    if is_raised or condition.level == Level.OK:
        changes["call_due_at"] = now if is_raised and app_settings.alarm else None
    # Guarded by the level: another process that looked at the same moment changes no row.
    unchanged = alarms().filter(condition=name, level=before.value)
    if unchanged.update(**changes):
        if is_raised:
            signals.alarm_raised.send_robust(None, condition=name, level=level, reason=reason)
        elif condition.level == Level.OK:
            signals.alarm_cleared.send_robust(None, condition=name, level=level, reason=reason)


def _call() -> None:
    """Call the callable in ``ALARM`` for each alarm of which it is not told yet."""
    path = app_settings.alarm
    if path is None:
        return
    now = timezone.now()
    for alarm in alarms().filter(call_due_at__lte=now):
        claim = later(now, _CLAIM)
        unclaimed = alarms().filter(pk=alarm.pk, call_due_at=alarm.call_due_at)
        if not unclaimed.update(call_due_at=claim):
            continue
        unfinished = alarms().filter(pk=alarm.pk, call_due_at=claim)
        try:
            import_string(path)(alarm.condition, alarm.level, alarm.reason)
        except FAILURES as err:
            unfinished.update(call_due_at=later(timezone.now(), _PAUSE))
            logger.error(
                "ALARM raised %s for %s; it will be called again", type(err).__name__, alarm
            )
        else:
            unfinished.update(call_due_at=None)
