"""The conditions of the queue: requests, calls and files that wait, and the worker they need."""

from __future__ import annotations

from datetime import datetime, timedelta
from datetime import timezone as zones

from django.utils.translation import gettext as _

from ..choices import WAITING, Level
from ..exceptions import UnknownSpoolOwner
from ..inbox import spool
from ..models import Heartbeat
from ..models.failures import failures
from ..models.heartbeats import PROCESS
from ..models.moments import elapsed, in_utc
from ..models.requests import database_of_requests, requests
from .levels import Finding, in_words, level_of

_DEGRADED, _FAILING = timedelta(minutes=5), timedelta(hours=1)


def waiting(now: datetime) -> Finding:
    """Judge the oldest request that is due and that no worker has claimed."""
    since = oldest_request(now)
    if since is None:
        return Level.OK, _("No request waits.")
    age = elapsed(since, now)
    reason = _("A request has been due for %(age)s. Does a worker run?")
    return level_of(age, _DEGRADED, _FAILING), reason % {"age": in_words(age)}


def worker(now: datetime) -> Finding:
    """Judge the last run of ``pickyassist_process``, if anything waits for it."""
    moments = (oldest_request(now), _oldest_call(now), oldest_file())
    since = min(filter(None, moments), default=None)
    if since is None:
        return Level.OK, _("Nothing waits for pickyassist_process.")
    last_at = last_run()
    age = elapsed(last_at or since, now)
    reason = (
        _("pickyassist_process ran %(age)s ago.")
        if last_at
        else _("pickyassist_process has never run, and something has waited for %(age)s.")
    )
    return level_of(age, timedelta(minutes=15), timedelta(days=1)), reason % {"age": in_words(age)}


def spooled(now: datetime) -> Finding:
    """Judge the oldest file in the spool."""
    try:
        since = _moment(spool.oldest())
    except (OSError, UnknownSpoolOwner) as err:
        reason = _("SPOOL_DIR cannot be read (%(error)s).")
        return Level.DEGRADED, reason % {"error": type(err).__name__}
    if since is None:
        return Level.OK, _("No request is in the spool.")
    age = elapsed(since, now)
    reason = _("A request has been in the spool for %(age)s. Run pickyassist_process.")
    return level_of(age, _DEGRADED, _FAILING), reason % {"age": in_words(age)}


def last_run() -> datetime | None:
    """Return when ``pickyassist_process`` last ran, ``None`` if never."""
    heartbeats = Heartbeat.objects.using(database_of_requests()).filter(name=PROCESS)
    return heartbeats.values_list("last_at", flat=True).first()


def oldest_request(now: datetime) -> datetime | None:
    """Return since when a request is due. Each state is read in the order of its index."""
    moments: list[datetime] = []
    for state in WAITING:
        due = requests().filter(state=state, due_at__lte=now).order_by("due_at")
        # A new request is due some seconds before it came, for workers whose clocks are behind.
        moments += [max(map(in_utc, row)) for row in due.values_list("due_at", "received_at")[:1]]
    return min(moments, default=None)


def _oldest_call(now: datetime) -> datetime | None:
    """Return since when a failed receiver must be called again."""
    due = failures().filter(due_at__lte=now).order_by("due_at")
    moment = due.values_list("due_at", flat=True).first()
    return in_utc(moment) if moment else None


def oldest_file() -> datetime | None:
    """Return when the oldest spooled file was written, ``None`` if the spool cannot be read."""
    try:
        return _moment(spool.oldest())
    except (OSError, UnknownSpoolOwner):
        return None


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, tz=zones.utc)
