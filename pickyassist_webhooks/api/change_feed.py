"""The change feed: finished requests for another system to read, without gaps."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Any

from django.db.models import QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from ..choices import UNFINISHED, RequestState
from ..models import MODELS, Event, WebhookRequest
from ..models.requests import LARGE, database_of_requests
from . import texts
from .commit_horizon import below_horizon
from .filters import refuse_unknown
from .pagination import SIZE, bad, encode_cursor, identifier, page_size, read_cursor
from .serializers import FollowedRequestPageSerializer

AFTER = "after"

_FROM_FEED = "Expected the `after` of an earlier `next`, or a blank."

#: States that no worker changes any more.
FINISHED = tuple(state for state in RequestState if state not in UNFINISHED)

#: The columns that tell which requests a page can have.
_CHOSEN_BY = ("state", "event_count", "received_at", "processed_at", "due_at", "attempts")

#: Unfinished requests that a cursor remembers; with more, it stops. Servers refuse URLs of more
#: than 4,000 characters.
MAX_WAITING = 200

#: Events on a page, unless one request has more.
MAX_EVENTS = 10_000


def change_feed(request: Request, requests: QuerySet[WebhookRequest], context: Any) -> Response:
    """Return the requests finished since a cursor, and the next cursor.

    The cursor holds the last id that was read, and the lower ids that were unfinished then.
    """
    refuse_unknown(request, {AFTER, "state", SIZE}, {"state"})
    wanted, size = _states(request), page_size(request)
    after, waiting = _position(request)
    # Read the primary: a replica can have a row before one with a lower id.
    requests = requests.using(database_of_requests())
    ordered = requests.order_by("pk").only(*_CHOSEN_BY)
    room = min(size, MAX_WAITING - len(waiting))
    rows = list(ordered.filter(pk__gt=after)[:room])
    safe = below_horizon(after, rows)
    candidates = [*ordered.filter(pk__in=waiting), *(row for row in rows if row.pk in safe)]
    chosen = _choose(candidates, wanted, size, after)
    page, events = _read(requests, chosen.delivered)
    if (fits := texts.fitting([events[request.pk] for request in page])) < len(page):
        size = chosen.delivered.index(page[fits].pk)
        chosen, page = _choose(candidates, wanted, size, after), page[:fits]
    context["events"] = events
    # Differences keep URLs short.
    steps = [pk - before for before, pk in pairwise([0, *sorted(chosen.unfinished)])]
    cursor = encode_cursor({"after": chosen.after, "waiting": steps})
    url = replace_query_param(request.build_absolute_uri(), AFTER, cursor)
    more = chosen.more or (len(rows) == room == len(safe) and room > 0)
    answer = {"next": url, "more": more, "results": page}
    return Response(FollowedRequestPageSerializer(answer, context=context).data)


@dataclass
class Choice:
    """The requests of a page, the unfinished or postponed ones, and the last id."""

    after: int
    delivered: list[int] = field(default_factory=list)
    unfinished: list[int] = field(default_factory=list)
    more: bool = False


def _choose(candidates: list[WebhookRequest], wanted: set[str], size: int, after: int) -> Choice:
    chosen = Choice(after)
    events = 0
    for row in candidates:
        is_full = len(chosen.delivered) == size or (
            chosen.delivered and events + row.event_count > MAX_EVENTS
        )
        if is_full and row.pk > chosen.after:
            chosen.more = True
            break
        if row.state in UNFINISHED:
            chosen.unfinished.append(row.pk)
        elif row.state in wanted and is_full:
            chosen.unfinished.append(row.pk)
            chosen.more = True
        elif row.state in wanted:
            chosen.delivered.append(row.pk)
            events += row.event_count
        chosen.after = max(chosen.after, row.pk)
    return chosen


Events = dict[int, list[Event]]


def _read(requests: Any, pks: list[int]) -> tuple[list[WebhookRequest], Events]:
    """Read requests and their first-seen events, with one statement for each kind."""
    page = list(requests.filter(pk__in=pks).order_by("pk").defer(*LARGE))
    events: Events = {request.pk: [] for request in page}
    for kind in {request.kind for request in page} & MODELS.keys():
        of_kind = [request.pk for request in page if request.kind == kind]
        rows: Any = MODELS[kind]._default_manager.using(requests.db).filter(request__in=of_kind)
        for event in texts.shortened(rows).order_by("request", "arrival", "index"):
            events[event.request_id].append(event)
    return page, events


def _states(request: Request) -> set[str]:
    states = set(request.query_params.getlist("state")) - {""} or set(FINISHED)
    if not states <= set(FINISHED):
        expected = f"Expected some of: {', '.join(FINISHED)}."
        raise ValidationError({"state": [expected]})
    return states


def _position(request: Request) -> tuple[int, list[int]]:
    text = request.query_params.get(AFTER)
    if not text:
        return 0, []
    position = read_cursor(AFTER, text, _FROM_FEED)
    try:
        waiting = [identifier(pk) for pk in accumulate(map(identifier, position["waiting"]))]
        if len(waiting) > MAX_WAITING:
            raise ValueError(waiting)
        return identifier(position["after"]), waiting
    except (KeyError, TypeError, ValueError):
        raise bad(AFTER, _FROM_FEED) from None
