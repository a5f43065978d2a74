"""The conditions that a person must attend to: dead, quarantined, receivers, refused."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ..choices import Level, RequestState
from ..inbox.refusals import recent_refusals
from ..models.failures import failures
from ..models.moments import elapsed, later
from ..models.requests import requests
from ..parsing.characters import visible
from .levels import Finding, in_words, level_of

#: Rows that are counted at most; the reason says "more than" for others.
_MOST = 1000

#: Requests of a day that are all counted. Of more, so many in each of some ranges of ids.
_DAY = 10_000
_RANGES, _PER_RANGE = 20, 500

#: Of all requests of a day, the share that may be quarantined.
_SHARE = 0.05

_REFUSED = 10


def dead(now: datetime) -> Finding:
    """Judge the requests that failed permanently."""
    count = _count(requests().filter(state=RequestState.DEAD))
    if not count:
        return Level.OK, _("No request failed permanently.")
    reason = ngettext(
        "%(count)s request failed permanently. Fix its receiver, then replay or discard it.",
        "%(count)s requests failed permanently. Fix their receivers, then replay or discard them.",
        count,
    )
    number = f"{_MOST}+" if count > _MOST else str(count)
    return Level.DEGRADED, reason % {"count": number}


def quarantined(now: datetime) -> Finding:
    """Judge the share of quarantined requests among those of the last day."""
    quarantined, total = _share_of_day(now)
    if quarantined <= total * _SHARE:
        return Level.OK, _("Of the requests of a day, 5 % or fewer are quarantined.")
    reason = _("%(percent)s %% of the requests of a day are quarantined. See the quarantine.")
    return Level.DEGRADED, reason % {"percent": round(100 * quarantined / total)}


def _share_of_day(now: datetime) -> tuple[int, int]:
    """Return how many requests of the last day are quarantined, and of how many.

    A busy day is judged by a sample: counting a million rows takes seconds.
    """
    day = requests().filter(received_at__gt=later(now, -timedelta(days=1)))
    total = day.order_by("received_at")[: _DAY + 1].count()
    if total <= _DAY:
        return day.filter(state=RequestState.QUARANTINED).count(), total
    first, last = sorted(
        day.order_by(order).values_list("pk", flat=True)[:1].get()
        for order in ("received_at", "-received_at")
    )
    step = max((last + 1 - first) // _RANGES, _PER_RANGE)
    sample = Q()
    for start in range(first, last + 1, step):
        sample |= Q(pk__gte=start, pk__lt=start + _PER_RANGE)
    counts = (
        requests()
        .filter(sample)
        .aggregate(
            quarantined=Count("pk", filter=Q(state=RequestState.QUARANTINED)), total=Count("pk")
        )
    )
    return counts["quarantined"], counts["total"]


def receivers(now: datetime) -> Finding:
    """Judge the receiver that has failed for the longest time."""
    # A row is made at the first failure and deleted by success, so the lowest id is the oldest.
    # Its own moment is that of the last attempt.
    since = Coalesce("request__processed_at", "failed_at")
    oldest = failures().order_by("pk").values_list("receiver", since).first()
    if oldest is None:
        return Level.OK, _("No receiver fails.")
    receiver, failed_at = oldest
    age = elapsed(failed_at, now)
    reason = _("%(receiver)s has failed for %(age)s. Its errors are under Receiver failures.")
    words = {"receiver": visible(receiver), "age": in_words(age)}
    return level_of(age, timedelta(hours=1)), reason % words


def refused(now: datetime) -> Finding:
    """Judge the number of requests with a wrong secret."""
    count = recent_refusals(now)
    reason = ngettext(
        "%(count)s request had a wrong secret in the last hour.",
        "%(count)s requests had a wrong secret in the last hour.",
        count,
    )
    if count <= _REFUSED:
        return Level.OK, reason % {"count": count}
    reason += " " + _("Check the URL in Picky Assist; a stranger may be guessing.")
    return Level.DEGRADED, reason % {"count": count}


def _count(rows: QuerySet[Any]) -> int:
    return rows.order_by()[: _MOST + 1].count()
