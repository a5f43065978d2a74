"""The conditions of the queue: requests, calls and files that wait, and the worker they need."""

from __future__ import annotations

from datetime import datetime, timedelta
from datetime import timezone as zones

from django.utils.translation import gettext as _

from ..choices import Level
from ..exceptions import UnknownSpoolOwner
from ..inbox import spool
from ..models.moments import elapsed
from .facts import Facts
from .levels import Finding, in_words, level_of

_DEGRADED, _FAILING = timedelta(minutes=5), timedelta(hours=1)


def waiting(facts: Facts) -> Finding:
    """Judge the oldest request that is due and that no worker has claimed."""
    since = facts.oldest_request
    if since is None:
        return Level.OK, _("No request waits.")
    age = elapsed(since, facts.now)
    reason = _("A request has been due for %(age)s. Check that a worker runs.")
    return level_of(age, _DEGRADED, _FAILING), reason % {"age": in_words(age)}


def worker(facts: Facts) -> Finding:
    """Judge the last run of ``pickyassist_process``, if anything waits for it."""
    moments = (facts.oldest_request, facts.oldest_call, oldest_file())
    since = min(filter(None, moments), default=None)
    last_at = facts.last_run
    if since is None:
        if last_at is None:
            return Level.OK, _("Nothing waits for pickyassist_process.")
        age = elapsed(last_at, facts.now)
        reason = _("Nothing waits for pickyassist_process, which ran %(age)s ago.")
        return Level.OK, reason % {"age": in_words(age)}
    age = elapsed(last_at or since, facts.now)
    reason = (
        _("pickyassist_process ran %(age)s ago.")
        if last_at
        else _("pickyassist_process has never run, and something has waited for %(age)s.")
    )
    return level_of(age, timedelta(minutes=15), timedelta(days=1)), reason % {"age": in_words(age)}


def spooled(facts: Facts) -> Finding:
    """Judge the oldest file in the spool."""
    try:
        since = _moment(spool.oldest())
    except (OSError, UnknownSpoolOwner) as err:
        reason = _("SPOOL_DIR cannot be read (%(error)s).")
        return Level.DEGRADED, reason % {"error": type(err).__name__}
    if since is None:
        return Level.OK, _("No request is in the spool.")
    age = elapsed(since, facts.now)
    level = level_of(age, _DEGRADED, _FAILING)
    if level == Level.OK:
        return level, _("A request in the spool waits for pickyassist_process.")
    reason = _("A request has been in the spool for %(age)s. Run pickyassist_process.")
    return level, reason % {"age": in_words(age)}


def oldest_file() -> datetime | None:
    """Return when the oldest spooled file was written, ``None`` if the spool cannot be read."""
    try:
        return _moment(spool.oldest())
    except (OSError, UnknownSpoolOwner):
        return None


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, tz=zones.utc)
