"""The way of a request: keep the raw row, process it, announce it, be able to do so again.

``receive`` is called by the view, ``process`` by everybody else: the sweep, the admin, tasks
and tests. Faults are told apart by phase, never by type: until the raw row is committed every
fault is the caller's to report, and after it every fault is ours and tried again from the row.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.db import DatabaseError, transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from django.utils.module_loading import import_string

from .announce import Announcement, announce, announce_again, announcements, describe, is_heard
from .choices import RequestState
from .conf import app_settings
from .exceptions import LeaseLost, RequestInWork
from .fields import Problem
from .models import ReceiverFailure, WebhookRequest
from .models.requests import (
    WebhookRequestQuerySet,
    database_of_requests,
    held_by_worker,
    outcome_of,
    pause_after,
)
from .payloads import Payload, parse
from .store import Stored, store

logger = logging.getLogger(__name__)

#: How long a worker holds a request. It renews the lease while it works; after a crash the
#: sweep takes the request up once this has passed.
LEASE = timedelta(seconds=60)

#: How often rows are stored anew after a race with another worker was lost.
MAX_RACES = 5

_SWEEP_BATCH = 100
_UPDATE_BATCH = 200


def receive(body: bytes, **metadata: str) -> WebhookRequest:
    """Commit a request's bytes, have it processed as ``PROCESSOR`` says, and return its row.

    Raises whatever keeps the row from being committed. Once it is committed nothing raises:
    what fails then is tried again by the sweep.
    """
    processor = app_settings.processor
    inline = processor == "inline"
    request = requests().keep(body, lease=LEASE if inline else None, **metadata)
    try:
        if inline:
            _work(request)
        elif processor != "none":
            import_string(processor)(request.pk)
    except Exception as err:
        logger.error("Request %s is left to the sweep: %s", request.token, type(err).__name__)
    return request


def process(pk: int) -> WebhookRequest | None:
    """Process a request that is due and return it, or ``None`` where it is not due.

    A fault in processing it is recorded on the row, which is then due again after a pause.
    """
    request = requests().claim(pk, LEASE)
    if request is not None:
        _work(request)
    return request


def replay(pk: int) -> WebhookRequest | None:
    """Process a request again from its bytes: no second row, signals with ``is_replay=True``.

    Raises ``RequestInWork`` while a worker stores or announces it, or did so within the last
    minute and failed, and ``WebhookRequest.DoesNotExist``. A retry of failed receivers is taken
    over: its worker stops before the next one.
    """
    now = timezone.now()
    with transaction.atomic(using=database_of_requests()):
        at_rest = requests().filter(pk=pk).exclude(held_by_worker(now, LEASE))
        changes = {"state": RequestState.RECEIVED, "attempts": 0, "due_at": now}
        if not at_rest.update(**changes, replays=F("replays") + 1):
            token = requests().only("token").get(pk=pk).token
            raise RequestInWork(f"expected request {token} at rest, a worker holds it")
        _failures_of(pk).delete()
    return process(pk)


def sweep() -> Counter[str]:
    """Process every request that is due, oldest first, and count the states they end in."""
    states: Counter[str] = Counter()
    last = 0
    while batch := requests().due().filter(pk__gt=last).values_list("pk", flat=True)[:_SWEEP_BATCH]:
        for last in batch:
            try:
                request = process(last)
            except Exception as err:  # it stays due, and costs no other its turn
                logger.error("Request %s stays due: %s", last, type(err).__name__)
            else:
                states.update([request.state] if request else [])
    return states


def requests() -> WebhookRequestQuerySet:
    """Return all requests, in the database that the router gives for writing them."""
    return WebhookRequest.objects.using(database_of_requests())


def _failures_of(pk: int) -> QuerySet[ReceiverFailure]:
    # Not by the request's own relation, for which a router may name a replica that lags behind.
    return ReceiverFailure.objects.using(database_of_requests()).filter(request=pk)


def _work(request: WebhookRequest) -> None:
    """Take a claimed request as far as it goes."""
    try:
        if request.attempts > app_settings.max_attempts:
            _advance(request, state=RequestState.DEAD)
        elif request.state == RequestState.STORED:
            _announce(request, announcements(request))
        elif request.state == RequestState.FAILING and _failures_of(request.pk).exists():
            _announce_again(request)
        else:
            stored = _store(request, _understand(request))
            if request.state == RequestState.STORED:
                _announce(request, announcements(request, stored.events, stored.messages))
    except LeaseLost:
        logger.warning("Request %s was taken over by another worker", request.token)
    except Exception as err:
        logger.error("Request %s could not be processed: %s", request.token, type(err).__name__)
        with suppress(LeaseLost):  # whoever took it over says what becomes of it
            _postpone(request, err)


def _understand(request: WebhookRequest) -> Payload:
    """Parse the bytes, and refuse what is encoded or another project's."""
    if request.content_encoding.strip().lower() not in ("", "identity"):
        expected = "a body without a Content-Encoding"
        return Payload(problems=[Problem("", "content_encoding", expected)])
    payload = parse(bytes(request.body), request.content_type)
    if not payload.kind or app_settings.accepts_project(request.secret_label, payload.project_id):
        return payload
    problem = Problem("project_id", "foreign_project", "one of the PROJECT_IDS of this secret")
    return Payload(payload.kind, payload.project_id, problems=[problem])


def _store(request: WebhookRequest, payload: Payload) -> Stored:
    """Commit the rows, the messages and the new state together."""
    races = 0
    while True:
        try:
            with transaction.atomic(using=request._state.db, durable=True):
                # First a write: it proves that the lease is ours, and takes SQLite's only lock
                # before anything is read that could be stale by the time of writing.
                _advance(request, attempts=request.attempts)
                stored = store(request, payload, app_settings.repeat_window)
                changes = _changes(payload, stored)
                request.held().update(**changes)
            break
        except DatabaseError:
            # The rows that another worker was faster with are there to be found next time.
            races += 1
            if races == MAX_RACES:
                raise
    vars(request).update(changes)
    return stored


def _changes(payload: Payload, stored: Stored) -> dict[str, Any]:
    events, repeats = len(stored.events), stored.repeats
    problems = len(payload.problems) + payload.unlisted
    outcome = outcome_of(events, repeats, problems)
    return {
        "kind": payload.kind,
        "state": RequestState.STORED if is_heard(payload.kind, outcome, events) else outcome,
        "problems": [asdict(problem) for problem in payload.problems],
        "warnings": [asdict(warning) for warning in payload.warnings],
        "event_count": events,
        "repeat_count": repeats,
        "problem_count": problems,
        "processed_at": timezone.now(),
        "error": "",
    }


def _announce(request: WebhookRequest, announced: Iterable[Announcement]) -> None:
    """Send the signals, then commit the failures of receivers and the final state together."""
    failures = announce(request, announced, _lease_keeper(request))
    _conclude(request, failures)


def _announce_again(request: WebhookRequest) -> None:
    """Call the receivers that failed once more."""
    failures = list(_failures_of(request.pk).order_by("pk"))
    still, mended = announce_again(failures, announcements(request), _lease_keeper(request))
    _failures_of(request.pk).filter(pk__in=[failure.pk for failure in mended]).delete()
    _conclude(request, still)


def _conclude(request: WebhookRequest, failures: list[ReceiverFailure]) -> None:
    """Commit what receivers are still to be called, and the state that follows from it."""
    now = timezone.now()
    used_up = request.attempts >= app_settings.max_attempts
    due_at = pause_after(request.attempts, now)
    with transaction.atomic(using=request._state.db):
        _save(failures, request, failed_at=now, due_at=None if used_up else due_at)
        if not failures:
            _advance(request, state=request.outcome)
        elif used_up:
            _advance(request, state=RequestState.DEAD)
        else:
            _advance(request, state=RequestState.FAILING, due_at=due_at)


def _save(failures: list[ReceiverFailure], request: WebhookRequest, **when: Any) -> None:
    """Insert new failures and update those of earlier attempts, not one statement for each."""
    for failure in failures:
        vars(failure).update(when)
    rows = _failures_of(request.pk)
    rows.bulk_create([failure for failure in failures if failure.pk is None])
    known = [failure for failure in failures if failure.pk is not None]
    rows.bulk_update(known, ["attempts", "error", *when], batch_size=_UPDATE_BATCH)


def _postpone(request: WebhookRequest, error: Exception) -> None:
    """Record a fault of ours, after which the request rests for a while."""
    if request.attempts >= app_settings.max_attempts:
        state = RequestState.DEAD
    elif request.state == RequestState.STORED:
        state = RequestState.STORED  # the rows are there, the signals are what is left to do
    else:
        state = RequestState.FAILING
    due_at = pause_after(request.attempts, timezone.now())
    _advance(request, state=state, error=describe(error), due_at=due_at)


def _lease_keeper(request: WebhookRequest) -> Callable[[], None]:
    """Return a function that renews the lease once a third of it has passed."""

    def keep_lease() -> None:
        now = timezone.now()
        if request.due_at - now < LEASE * 2 / 3:
            _advance(request, due_at=now + LEASE)

    return keep_lease


def _advance(request: WebhookRequest, **changes: Any) -> None:
    """Write to the row while our lease on it stands. Raises ``LeaseLost`` where it does not."""
    if not request.held().update(**changes):
        raise LeaseLost(f"expected to hold request {request.token}, another worker does")
    vars(request).update(changes)
