"""The reading of new events into their streams, a bounded number at a time.

A silence is judged by gaps of 28 days, which are millions of events. No index answers that for each
project, and one more would slow down the receiving. So each look reads only the events that came
since the last one, by their ids, and keeps their gaps in ``EventStream``.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

from django.utils import timezone

from ..models import MODELS, EventStream
from ..models.moments import Moments, later
from ..models.requests import database_of_requests, requests
from ..models.streams import WINDOW, streams
from ..models.together import rows_of
from ..transactions import own_transaction

#: Events of a kind that a report reads itself, so that it is quick, and that a look stores in one
#: transaction.
READ, CHUNK = 500, 2000

#: Seconds in which a look stores chunks. After an upgrade the rest is left to the next looks.
_SECONDS = 0.5

#: An event with a lower id may be committed later: newer ones are read again by the next look.
_GRACE = timedelta(seconds=2)

_FIELDS = ("pk", "project_id", Moments("received_at"))

#: The id, project and moment of an event.
Row = tuple[int, str, datetime]


@dataclass(frozen=True)
class Streams:
    """The streams of one kind, by project, and the moment until which its events are in them.

    ``last_at`` is the moment of the newest event of the kind, which may be in no stream yet.
    """

    by_project: dict[str, EventStream]
    read_until: datetime
    last_at: datetime | None


def current(now: datetime) -> dict[str, Streams]:
    """Return the streams of each kind with its newest events, without storing them."""
    stored: dict[str, dict[str, EventStream]] = {kind: {} for kind in MODELS}
    for stream in streams().filter(kind__in=list(MODELS)).order_by("pk"):
        stored[stream.kind][stream.project_id] = stream
    unread = _unread(stored, now, READ)
    newest = _newest([kind for kind, rows in unread.items() if len(rows) == READ], now)
    current = {}
    for kind, rows in unread.items():
        _extend(stored[kind], kind, rows, now)
        read_until = min(now, max(at for _, _, at in rows)) if kind in newest else now
        lasts = [newest.get(kind), *(stream.last_at for stream in stored[kind].values())]
        last_at = max((at for at in lasts if at), default=None)
        current[kind] = Streams(stored[kind], read_until, last_at)
    return current


def store() -> None:
    """Store the new events in their streams. Raises as ``own_transaction`` does."""
    end = time.monotonic() + _SECONDS
    for kind in MODELS:
        while _store_chunk(kind) == CHUNK and time.monotonic() < end:
            pass


def _store_chunk(kind: str) -> int:
    """Store some events of a kind in their streams, and return how many."""
    now = timezone.now()
    with own_transaction(database_of_requests()):
        locked = streams().filter(kind=kind).order_by("pk").select_for_update()
        stored = {stream.project_id: stream for stream in locked}
        settled, latest = later(now, -_GRACE), later(now, _GRACE)
        unread = _unread({kind: stored}, now, CHUNK)[kind]
        if unread and not stored:  # all ids from the first on: an old event may have a new one
            following = _events(kind).filter(pk__gte=unread[0][0]).order_by("pk")
            unread = list(following.values_list(*_FIELDS)[:CHUNK])
        rows = list(takewhile(lambda row: not settled < row[2] <= latest, unread))
        changed = _extend(stored, kind, rows, now)
        # Another process may have just made the stream; it has read the same events.
        streams().bulk_create([each for each in changed if not each.pk], ignore_conflicts=True)
        fields = ["last_id", "count", "last_at", "earlier", "gaps"]
        streams().bulk_update([each for each in changed if each.pk], fields)
    return len(rows)


def _unread(
    stored: dict[str, dict[str, EventStream]], now: datetime, most: int
) -> dict[str, list[Row]]:
    """Return the next events of each kind after those in its streams, in the order of their ids.

    Of a kind without a stream: its first events in the window.
    """
    unread = []
    for kind, by_project in stored.items():
        if last := max((stream.last_id for stream in by_project.values()), default=0):
            unread.append(_events(kind).filter(pk__gt=last).order_by("pk"))
        else:
            recent = _events(kind).filter(received_at__gte=later(now, -WINDOW))
            unread.append(recent.order_by("received_at"))
    read = rows_of([rows.values_list(*_FIELDS)[:most] for rows in unread])
    return dict(zip(stored, map(sorted, read), strict=True))


def _newest(kinds: list[str], now: datetime) -> dict[str, datetime | None]:
    """Return the moment of the newest event of these kinds."""
    past = [_events(kind).filter(received_at__lte=later(now, _GRACE)) for kind in kinds]
    ordered = [rows.order_by("-received_at").values_list(_FIELDS[-1])[:1] for rows in past]
    lasts = [max((at for (at,) in rows), default=None) for rows in rows_of(ordered)]
    return dict(zip(kinds, lasts, strict=True))


def _events(kind: str) -> Any:
    # A test says that the URL works here, not that Picky Assist still posts to it.
    events = MODELS[kind]._default_manager.using(database_of_requests())
    return events.exclude(request__in=requests().tests().order_by())


def _extend(
    stored: dict[str, EventStream], kind: str, rows: list[Row], now: datetime
) -> list[EventStream]:
    """Add events to their streams, and return those that changed.

    An event of a clock that runs ahead came now: it would hide those that come until then.
    """
    changed: dict[str, EventStream] = {}
    for pk, project_id, at in sorted(rows, key=lambda row: row[2]):
        if project_id not in stored:
            stored[project_id] = EventStream(kind=kind, project_id=project_id)
        stream = stored[project_id]
        stream.add(min(at, now))
        stream.last_id = max(stream.last_id, pk)
        changed[project_id] = stream
    return list(changed.values())
