"""The conditions that a person must attend to: dead, quarantined, receivers, refused."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Count, Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ..choices import Level, RequestState
from ..inbox.refusals import recent_refusals
from ..models.failures import FAILED_SINCE, failures
from ..models.moments import elapsed
from ..models.requests import requests
from ..models.together import rows_of
from ..parsing.characters import visible
from .facts import MOST_DEAD, MOST_OF_DAY, Facts
from .levels import Finding, in_words, level_of

#: If a day has too many requests to count, so many of them in each of some ranges of ids.
_RANGES, _PER_RANGE = 20, 500

#: Of all requests of a day, the share that may be quarantined.
_SHARE = 0.05

_REFUSED = 10


def dead(facts: Facts) -> Finding:
    """Judge the requests that failed permanently."""
    count = facts.dead
    if not count:
        return Level.OK, _("No request failed permanently.")
    reason = ngettext(
        "%(count)s request failed permanently. Fix its receiver, then process it again or discard"
        " it.",
        "%(count)s requests failed permanently. Fix their receivers, then process them again or"
        " discard them.",
        count,
    )
    number = f"{MOST_DEAD}+" if count > MOST_DEAD else str(count)
    return Level.DEGRADED, reason % {"count": number}


def quarantined(facts: Facts) -> Finding:
    """Judge the share of quarantined requests among those of the last day."""
    quarantined, total = _share_of_day(facts)
    if quarantined <= total * _SHARE:
        return Level.OK, _("At most one in 20 requests of the last 24 hours is quarantined.")
    reason = _(
        "%(percent)s%% of the requests of the last 24 hours are quarantined. See the quarantine."
    )
    return Level.DEGRADED, reason % {"percent": round(100 * quarantined / total)}


def _share_of_day(facts: Facts) -> tuple[int, int]:
    """Return how many requests of the last day are quarantined, and of how many.

    A busy day is judged by a sample: counting a million rows takes seconds.
    """
    if facts.of_day <= MOST_OF_DAY:
        return facts.quarantined_of_day, facts.of_day
    ends = [facts.day.order_by(order) for order in ("received_at", "-received_at")]
    first, last = sorted(pk for [(pk,)] in rows_of([rows.values_list("pk")[:1] for rows in ends]))
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


def receivers(facts: Facts) -> Finding:
    """Judge the receiver that has failed for the longest time."""
    # A row is made at the first failure and deleted by success, so the lowest id is the oldest.
    oldest = failures().order_by("pk").values_list("receiver", FAILED_SINCE).first()
    if oldest is None:
        return Level.OK, _("No receiver fails.")
    receiver, failed_at = oldest
    age = elapsed(failed_at, facts.now)
    reason = _("%(receiver)s has failed for %(age)s. Its errors are under Receiver failures.")
    words = {"receiver": visible(receiver), "age": in_words(age)}
    return level_of(age, timedelta(hours=1)), reason % words


def refused(facts: Facts) -> Finding:
    """Judge the number of requests with a wrong secret."""
    count = recent_refusals(facts.now)
    reason = ngettext(
        "%(count)s request had a wrong secret in the last hour.",
        "%(count)s requests had a wrong secret in the last hour.",
        count,
    )
    if count <= _REFUSED:
        return Level.OK, reason % {"count": count}
    reason += " " + _("Check the URL in Picky Assist; a stranger may be guessing.")
    return Level.DEGRADED, reason % {"count": count}
