"""Requests in the order in which they came to rest, none left out, for another system to follow."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import Any

from django.db.models import QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from ..choices import UNFINISHED, RequestState
from ..models import WebhookRequest
from ..models.requests import LARGE, database_of_requests
from .filters import refuse_unknown
from .pagination import SIZE, bad, identifier, page_size, read, written
from .serializers import FollowedRequestSerializer, events_of
from .settled import settled

AFTER = "after"

#: States in which nothing more happens to a request by itself.
AT_REST = tuple(state for state in RequestState if state not in UNFINISHED)

#: Unfinished requests that a cursor remembers; with more of them it goes no further. Servers refuse
#: URLs of more than 4,000 characters.
MAX_WAITING = 200

#: Events on a page, unless a single request has more.
MAX_EVENTS = 10_000


def follow(request: Request, requests: QuerySet[WebhookRequest], context: Any) -> Response:
    """Answer with what has come to rest since a cursor, and with the next cursor.

    The cursor holds how far ids were read, and which requests below were unfinished then.
    """
    refuse_unknown(request, {AFTER, "state", SIZE})
    wanted, size = _states(request), page_size(request)
    after, waiting = _place(request)
    # Where they are written: a replica may have a row before one of a lower id.
    requests = requests.using(database_of_requests())
    following = requests.filter(pk__gt=after).order_by("pk")
    room = min(size, max(MAX_WAITING - len(waiting), 0))
    rows = list(following.values_list("pk", "received_at", "state", "event_count")[:room])
    safe = settled(after, [(pk, at) for pk, at, _, _ in rows])
    old = requests.filter(pk__in=waiting).values_list("pk", "received_at", "state", "event_count")
    delivered: list[int] = []
    still: list[int] = []
    events = 0
    more = False
    for pk, _, state, count in [*old.order_by("pk"), *(row for row in rows if row[0] in safe)]:
        is_full = len(delivered) == size or (delivered and events + count > MAX_EVENTS)
        if is_full and pk > after:
            more = True
            break
        if state in UNFINISHED:
            still.append(pk)
        elif state in wanted and is_full:
            still.append(pk)
            more = True
        elif state in wanted:
            delivered.append(pk)
            events += count
        after = max(after, pk)
    page = list(requests.filter(pk__in=delivered).order_by("pk").defer(*LARGE))
    context["events"] = events_of(page)
    place = written({"after": after, "waiting": _steps(sorted(still))})
    url = replace_query_param(request.build_absolute_uri(), AFTER, place)
    more = more or (len(rows) == room == len(safe) and room > 0)
    results = FollowedRequestSerializer(page, many=True, context=context).data
    return Response({"next": url, "more": more, "results": results})


def _steps(pks: list[int]) -> list[int]:
    """Return ids, from the lowest on, as how far each is from the one before: short numbers."""
    return [pk - before for before, pk in pairwise([0, *pks])]


def _states(request: Request) -> set[str]:
    states = set(request.query_params.getlist("state")) or set(AT_REST)
    if not states <= set(AT_REST):
        expected = f"Expected some of: {', '.join(AT_REST)}."
        raise ValidationError({"state": [expected]})
    return states


def _place(request: Request) -> tuple[int, list[int]]:
    text = request.query_params.get(AFTER)
    if not text:
        return 0, []
    place = read(AFTER, text)
    try:
        waiting = [identifier(pk) for pk in accumulate(map(identifier, place["waiting"]))]
        if len(waiting) > MAX_WAITING:
            raise ValueError(waiting)
        return identifier(place["after"]), waiting
    except (KeyError, TypeError, ValueError):
        raise bad(AFTER) from None
