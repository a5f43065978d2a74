"""Facts that several conditions need, read together when the first of them asks."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.db.models import F

from ..choices import WAITING, RequestState
from ..models import Heartbeat
from ..models.failures import failures
from ..models.heartbeats import PROCESS
from ..models.moments import in_utc, later
from ..models.requests import database_of_requests, requests
from ..models.together import counts_of, rows_of

#: Permanently failed requests, and requests of a day, that are counted at most.
MOST_DEAD, MOST_OF_DAY = 1000, 10_000


class Facts:
    """The facts that the conditions of one report share, as of ``now``."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    @property
    def oldest_request(self) -> datetime | None:
        """Since when a request is due, ``None`` if none is."""
        requests, _, _ = self._moments
        # A new request is due some seconds before it came, for workers whose clocks are behind.
        return min((max(map(in_utc, row)) for row in requests), default=None)

    @property
    def oldest_call(self) -> datetime | None:
        """Since when a failed receiver must be called again."""
        _, calls, _ = self._moments
        return min((in_utc(due_at) for due_at, _ in calls), default=None)

    @property
    def last_run(self) -> datetime | None:
        """When ``pickyassist_process`` last ran, ``None`` if never."""
        _, _, heartbeats = self._moments
        return max((last_at for last_at, _ in heartbeats), default=None)

    @property
    def dead(self) -> int:
        """How many requests failed permanently: more than ``MOST_DEAD`` means many."""
        return self._counts[0]

    @property
    def of_day(self) -> int:
        """How many requests came in a day: more than ``MOST_OF_DAY`` means many."""
        return self._counts[1]

    @property
    def quarantined_of_day(self) -> int:
        """How many of them are quarantined, if all are counted."""
        return self._counts[2]

    @property
    def day(self) -> Any:
        """The requests of a day."""
        return requests().filter(received_at__gt=later(self.now, -timedelta(days=1)))

    @cached_property
    def _moments(self) -> tuple[list[Any], list[Any], list[Any]]:
        due = [
            requests().filter(state=state, due_at__lte=self.now).order_by("due_at")
            for state in WAITING  # each in the order of its index
        ]
        calls = failures().filter(due_at__lte=self.now).order_by("due_at")
        beats = Heartbeat.objects.using(database_of_requests()).filter(name=PROCESS)
        again = beats.annotate(again=F("last_at")).values_list("last_at", "again")
        *oldest, of_calls, of_beats = rows_of(
            [
                *(rows.values_list("due_at", "received_at")[:1] for rows in due),
                calls.values_list("due_at", "failed_at")[:1],
                again,
            ]
        )
        return [row for rows in oldest for row in rows], of_calls, of_beats

    @cached_property
    def _counts(self) -> list[int]:
        quarantined = self.day.filter(state=RequestState.QUARANTINED)
        return counts_of(
            [
                requests().filter(state=RequestState.DEAD).order_by()[: MOST_DEAD + 1],
                self.day.order_by("received_at")[: MOST_OF_DAY + 1],
                quarantined.order_by()[: MOST_OF_DAY + 1],
            ]
        )
