"""The condition of retention: rows that should have been deleted are still there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _

from ..choices import Level, RequestState
from ..conf import app_settings
from ..models import MODELS
from ..models.moments import elapsed, later
from ..models.referring import deletable
from ..models.requests import database_of_requests, requests
from ..models.together import rows_of
from .facts import Facts
from .levels import Finding, in_words, level_of

#: States of requests that ``pickyassist_prune`` deletes by default.
_PRUNED = (RequestState.DONE, RequestState.DISCARDED)

#: The oldest rows of a table that are read: events may belong to requests that wait.
_SAMPLE = 100


def retention(facts: Facts) -> Finding:
    """Judge for how long rows could have been deleted as ``RETENTION_DAYS`` says."""
    since = min(_prunable(facts.now), default=None)
    if since is None:
        return Level.OK, _("No row is older than RETENTION_DAYS allows.")
    age = elapsed(since, facts.now)
    reason = _("Rows should have been deleted %(age)s ago. Run pickyassist_prune each day.")
    return level_of(age, timedelta(days=2)), reason % {"age": in_words(age)}


def _prunable(now: datetime) -> Iterator[datetime]:
    """Yield since when the oldest row of each table can be deleted."""
    old: list[tuple[timedelta, Any]] = []
    if days := app_settings.retention("bodies"):
        by_state = [requests().filter(state=state) for state in _PRUNED]
        old += [(days, _older(rows, later(now, -days), "state")) for rows in by_state]
    if days := app_settings.retention("events"):
        database = database_of_requests()
        events = [model._default_manager.using(database) for model in MODELS.values()]
        old += [(days, _older(rows, later(now, -days), "request__state")) for rows in events]
    samples = rows_of([rows[:_SAMPLE] for _days, rows in old])
    for (days, rows), sample in zip(old, samples, strict=True):
        prunable = [at for at, state in sample if state in (None, *_PRUNED)]
        if len(sample) == _SAMPLE and not prunable:  # more events wait than were read
            free = rows.filter(Q(request=None) | Q(request__state__in=_PRUNED))
            prunable = [at for at, _ in free[:1]]
        yield from [later(at, days) for at in prunable]


def _older(rows: Any, than: datetime, state: str) -> Any:
    """Return moment and state of the rows that are older, the oldest first."""
    older = deletable(rows).filter(received_at__lt=than)
    return older.order_by("received_at").values_list("received_at", state)
