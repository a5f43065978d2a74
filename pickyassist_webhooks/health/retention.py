"""The condition of retention: rows that should have been deleted are still there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

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

#: The oldest events of a kind that are read: others may belong to requests that wait.
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
    if days := app_settings.retention("bodies"):
        old_requests = [
            deletable(requests()).filter(state=state, received_at__lt=later(now, -days))
            for state in _PRUNED
        ]
        oldest = [rows.order_by("received_at").values_list("received_at") for rows in old_requests]
        for rows in rows_of([each[:1] for each in oldest]):
            yield from [later(at, days) for (at,) in rows]
    if days := app_settings.retention("events"):
        old_events = [
            deletable(model._default_manager.using(database_of_requests()))
            .filter(received_at__lt=later(now, -days))
            .order_by("received_at")
            .values_list("received_at", "request__state")
            for model in MODELS.values()
        ]
        samples = rows_of([events[:_SAMPLE] for events in old_events])
        for events, rows in zip(old_events, samples, strict=True):
            prunable = [at for at, state in rows if state in (None, *_PRUNED)]
            if len(rows) == _SAMPLE and not prunable:  # more of them wait than were read
                free = events.filter(Q(request=None) | Q(request__state__in=_PRUNED))
                prunable = [at for at, _ in free[:1]]
            yield from [later(at, days) for at in prunable]
