"""Ask for the reports of open pushes, one by one, at a rate that all workers share.

A worker claims a push for a minute. If it is killed, the push is due again after that, and an
answer that is committed is processed by the sweep: nothing is lost, and nothing comes twice.
"""

from __future__ import annotations

import logging
import random
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone

from ..choices import PushState, RequestOrigin
from ..conf import app_settings
from ..exceptions import ReportsNotFetched
from ..inbox import worker
from ..ingest import process
from ..models import Push, WebhookRequest
from ..models.leases import is_claimed
from ..models.moments import elapsed, later
from ..models.pushes import PushQuerySet, is_pending, pushes
from ..models.rates import DELIVERY_REPORTS, LONGEST_HOLD, hold, take_turn
from .answers import require_reports
from .client import fetch
from .tokens import token_of

logger = logging.getLogger(__name__)

#: A minute and a second: the calls of a minute take unequal times until they arrive.
_MINUTE = timedelta(seconds=61)

#: The first pause after a failed call, and the longest pauses after a failure and a success.
_AFTER_FAILURE, _MOST_AFTER_FAILURE = timedelta(minutes=1), timedelta(hours=6)
_MOST_AFTER_SUCCESS = timedelta(hours=12)

#: How long a run waits until a call is allowed again; after a longer time the next run continues.
PATIENCE = timedelta(minutes=2)

#: How long a worker leaves a project alone that it cannot ask for.
STOPPED_FOR = timedelta(minutes=15)

_CHUNK = 500


@dataclass(frozen=True)
class Wanted:
    """The pushes to ask for. By its id a push is asked for now, whenever it is due."""

    push_ids: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    since: datetime | None = None

    def pushes(self) -> PushQuerySet:
        chosen = Q(push_id__in=self.push_ids) if self.push_ids else Q()
        chosen &= Q(project_id__in=self.projects) if self.projects else Q()
        chosen &= Q(recorded_at__gte=self.since) if self.since else Q()
        return pushes().filter(chosen)

    def due(self) -> PushQuerySet:
        """Return the open pushes that are due, those that are settled by now among them."""
        wanted = self.pushes().filter(state=PushState.OPEN)
        now = timezone.now()
        return wanted.exclude(is_claimed(now)) if self.push_ids else wanted.filter(due_at__lte=now)

    def to_ask(self) -> PushQuerySet:
        """Return the pushes that a run would ask for, as it opens those named by their ids."""
        free = self.pushes().exclude(is_claimed(timezone.now()))
        chosen = free if self.push_ids else self.due()
        return chosen.filter(is_pending(chosen.db))


@dataclass
class Run:
    """What a run has done so far."""

    #: Pushes that were asked for, and what became of them.
    counts: Counter[str] = field(default_factory=Counter)
    #: The projects that cannot be asked for: why, and since when.
    stopped: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    #: How long the vendor allows no call, if the run did not wait for it.
    pause: timedelta = timedelta()

    def skipped(self) -> list[str]:
        """Return the projects that are left alone now."""
        now = timezone.now()
        return [
            project
            for project, (_, since) in self.stopped.items()
            if elapsed(since, now) < STOPPED_FOR
        ]


def open_again(wanted: Wanted) -> None:
    """Make pushes that were named by their ids due now, unless a worker has one."""
    now = timezone.now()
    if wanted.push_ids:
        wanted.pushes().exclude(is_claimed(now)).update(state=PushState.OPEN, due_at=now)


def settle(wanted: Wanted) -> int:
    """Settle the due pushes whose messages all have a final status, without a call."""
    settled = last = 0
    while pks := _pks(wanted.due().filter(pk__gt=last).order_by("pk")[:_CHUNK]):
        last = pks[-1]
        open_pks = set(_pks(pushes().unsettled().filter(pk__in=pks)))
        settled += _settle(pk for pk in pks if pk not in open_pks)
    return settled


def reconcile(
    wanted: Wanted,
    run: Run,
    stop: Callable[[], bool],
    wait: Callable[[float], None],
    progress: Callable[[int], None] = lambda asked: None,
) -> None:
    """Ask for each due push once, the longest due first. Raises errors of the database.

    ``stop`` is called between two calls, and ``wait`` to wait for the next one.
    """
    run.counts["settled"] += settle(wanted)
    while not stop():
        due = wanted.due().filter(due_at__lte=timezone.now())
        push = due.exclude(project_id__in=run.skipped()).order_by("due_at", "pk").first()
        if push is None:
            return
        if not pushes().unsettled().filter(pk=push.pk).exists():
            run.counts["settled"] += _settle([push.pk])
            continue
        try:
            token = token_of(push.project_id)
        except ReportsNotFetched as err:
            run.stopped[push.project_id] = (str(err), timezone.now())
            continue
        pause = take_turn(DELIVERY_REPORTS, _MINUTE / app_settings.api_calls_per_minute)
        if pause > PATIENCE:
            run.pause = pause
            return
        if pause:
            wait(pause.total_seconds())
            continue
        for claimed in pushes().claim([push.pk]):
            _ask(claimed, token, run)
            progress(run.counts["asked"])


def _ask(push: Push, token: str, run: Run) -> None:
    """Ask for one push: commit the answer's bytes, process them, then save what became of it."""
    run.counts["asked"] += 1
    try:
        body = fetch(push.push_id, token)
        require_reports(body, push.push_id, token)
    except ReportsNotFetched as err:
        if err.stops_project:
            run.stopped[push.project_id] = (str(err), timezone.now())
        asked_for = min(err.retry_after or timedelta(), LONGEST_HOLD)
        if asked_for:
            hold(DELIVERY_REPORTS, asked_for)
        logger.warning("Could not fetch the reports of push %a: %s", push.push_id, err.code)
        run.counts["failed"] += 1
        pause = _pause(push, _AFTER_FAILURE, _MOST_AFTER_FAILURE)
        run.counts[_save(push, pause, asked_for, str(err))] += 1
        return
    request = WebhookRequest.objects.new(
        body,
        origin=RequestOrigin.PULL,
        project_id=push.project_id,
        content_type="application/json",
    )
    processed = process(worker.keep(request).pk)
    run.counts["reports"] += processed.event_count if processed else 0
    pause = _pause(push, app_settings.reconcile_after, _MOST_AFTER_SUCCESS)
    run.counts[_save(push, pause)] += 1


def _pause(push: Push, first: timedelta, most: timedelta) -> timedelta:
    """Return a pause that doubles with each attempt, and differs for each push."""
    pause: timedelta = min(first * 2 ** min(push.attempts - 1, 20), max(first, most))
    return pause * random.uniform(1, 1.25)  # noqa: S311 -- no secret


def _save(push: Push, pause: timedelta, least: timedelta = timedelta(), error: str = "") -> str:
    """Save what became of a claimed push and return its state; another worker may have it now.

    It is due after ``pause``, but for a last time at its deadline; not before ``least``.
    """
    now = timezone.now()
    deadline = later(push.recorded_at, app_settings.reconcile_days)
    state = PushState.OPEN
    if not pushes().unsettled().filter(pk=push.pk).exists():
        state = PushState.SETTLED
    elif now >= deadline:
        state = PushState.GIVEN_UP
    due_at = max(min(later(now, pause), deadline), later(now, least))
    changes: dict[str, Any] = {"state": state, "asked_at": now, "due_at": due_at, "error": error}
    pushes().filter(pk=push.pk, **push.claim).update(claimed_by="", **changes)
    return state.value


def _settle(pks: Iterable[int]) -> int:
    """Settle pushes that no worker has, and return how many."""
    due = pushes().due().filter(pk__in=list(pks), state=PushState.OPEN)
    return due.order_by().update(state=PushState.SETTLED, error="")


def _pks(rows: PushQuerySet) -> list[int]:
    return list(rows.values_list("pk", flat=True))
