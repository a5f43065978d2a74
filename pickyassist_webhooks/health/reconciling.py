"""The condition of reconciling: pushes whose reports were not asked for."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from ..choices import Level, PushState
from ..conf import app_settings
from ..models.moments import elapsed
from ..models.pushes import is_pending, pushes
from .facts import Facts
from .levels import Finding, in_words, level_of

#: The due pushes that are read, at most, to find one that lacks reports.
_MOST = 500


def oldest_due_push(now: datetime) -> datetime | None:
    """Return since when a push is due that lacks reports, or ``None`` if none is."""
    if not app_settings.api_tokens:
        return None  # reconciling is off
    due = pushes().filter(state=PushState.OPEN, due_at__lte=now).order_by("due_at")
    marked = due.annotate(pending=is_pending(due.db))
    rows = list(marked.values_list("due_at", "pending")[:_MOST])
    for number, (due_at, lacks_reports) in enumerate(rows, 1):
        if lacks_reports or number == _MOST:  # a run of the command would have settled all of these
            return due_at
    return None


def reconcile(facts: Facts) -> Finding:
    """Judge for how long a push has been due without being asked for."""
    since = oldest_due_push(facts.now)
    if since is None:
        return Level.OK, _("No push waits for pickyassist_reconcile.")
    age = elapsed(since, facts.now)
    reason = _("A push has been due for %(age)s. Check that pickyassist_reconcile runs.")
    return level_of(age, timedelta(days=1)), reason % {"age": in_words(age)}
