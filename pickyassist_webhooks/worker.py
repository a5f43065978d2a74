"""What a worker does with requests it has claimed: understand, store, announce, conclude.

A crash anywhere leaves a row that is due again once the lease on it has passed. Faults are ours
here, whatever they are, and are tried again from the row.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from typing import Any

from django.db import DatabaseError, transaction
from django.db.models import Min, Q
from django.utils import timezone

from .announce import Announcement, announce, announce_again, announcements, describe, is_heard
from .choices import RequestState
from .conf import app_settings
from .exceptions import LeaseLost
from .fields import Problem
from .leases import advance, give_back, hold, keeper, lock
from .models import ReceiverFailure, WebhookRequest
from .models.failures import NEVER_RETURNED, failures_of
from .models.requests import LEASE, outcome_of, pause_after
from .payloads import Payload, parse
from .store import Stored, store
from .tables.choice import writes_of
from .tables.orm import Writes
from .transactions import start_anew

logger = logging.getLogger(__name__)

#: How often rows are stored anew after a race with another worker was lost.
MAX_RACES = 5

#: Seconds of sent signals that a crash may cause to be sent again, where requests are announced
#: together.
MAX_UNCONCLUDED = 1.0

_UPDATE_BATCH = 200


def work(request: WebhookRequest) -> None:
    """Take a claimed request as far as it goes."""
    with _faults_of(request):
        if request.attempts > app_settings.max_attempts:
            _give_up(request)
        elif request.state == RequestState.STORED:
            _announce(request, announcements(request))
        elif request.state == RequestState.FAILING and request.processed_at is not None:
            _announce_again(request)
        else:
            [stored] = _store([request])
            if request.state == RequestState.STORED:
                _announce(request, announcements(request, stored.events, stored.messages))


def work_together(batch: list[WebhookRequest], stop: Callable[[], bool]) -> None:
    """Do the same for requests claimed together that nobody has tried before.

    Their rows are stored in one transaction. ``stop`` is asked between two of them; those whose
    signals are not sent by then are given back.
    """
    try:
        stored = _store(batch)
    except Exception as err:
        logger.warning("%d requests are processed one by one: %s", len(batch), type(err).__name__)
        for request in batch:
            work(request)
        return
    waiting = [request for request in batch if request.state == RequestState.STORED]
    found = {request.pk: rows for request, rows in zip(batch, stored, strict=True)}
    sent: list[WebhookRequest] = []
    concluded_at = time.monotonic()
    for request in list(waiting):
        if stop():
            break
        with _faults_of(request):
            rows = found[request.pk]
            announced = announcements(request, rows.events, rows.messages)
            failures = announce(request, announced, keeper(waiting))
            if failures:
                _conclude(request, failures)
            else:
                sent.append(request)
        if not request.claimed_by:
            waiting.remove(request)
        if time.monotonic() - concluded_at > MAX_UNCONCLUDED:
            _conclude_sent(sent, waiting)
            concluded_at = time.monotonic()
    _conclude_sent(sent, waiting)
    give_back(waiting)


@contextmanager
def _faults_of(request: WebhookRequest) -> Iterator[None]:
    """Record what goes wrong with one request on its row."""
    try:
        yield
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


def _store(batch: list[WebhookRequest]) -> list[Stored]:
    """Commit the rows, the messages and the new states together."""
    payloads = [_understand(request) for request in batch]
    database, races = str(batch[0]._state.db), 0
    while True:
        writes = writes_of(database)
        try:
            with transaction.atomic(using=database, durable=True):
                lock(batch)
                window = app_settings.repeat_window
                stored = store(batch, payloads, window, writes, thorough=races > 0)
                changes = [_changes(*each) for each in zip(payloads, stored, strict=True)]
                _conclude_storing(batch, changes, writes)
                writes.execute()
            break
        except DatabaseError:
            # The rows that another worker was faster with are there to be found next time.
            races += 1
            if races == MAX_RACES:
                raise
    for request, changed in zip(batch, changes, strict=True):
        vars(request).update(changed)
    return stored


def _changes(payload: Payload, stored: Stored) -> dict[str, Any]:
    events, repeats = len(stored.events), stored.repeats
    problems = len(payload.problems) + payload.unlisted
    outcome = outcome_of(events, repeats, problems)
    changes = {
        "kind": payload.kind,
        "state": outcome,
        "problems": [asdict(problem) for problem in payload.problems],
        "warnings": [asdict(warning) for warning in payload.warnings],
        "problem": payload.problems[0].group if payload.problems else None,
        "event_count": events,
        "repeat_count": repeats,
        "problem_count": problems,
        "error": "",
        "claimed_by": "",
    }
    if is_heard(payload.kind, outcome, events):
        del changes["claimed_by"]
        changes["state"] = RequestState.STORED
    return changes


def _conclude_storing(
    batch: list[WebhookRequest], changes: list[dict[str, Any]], writes: Writes
) -> None:
    """Add to ``writes`` what has become of each request, together for all that became the same."""
    now = timezone.now()
    alike: list[tuple[dict[str, Any], list[WebhookRequest]]] = []
    for request, changed in zip(batch, changes, strict=True):
        for name in [name for name, value in changed.items() if getattr(request, name) == value]:
            del changed[name]
        # Making its rows may have taken a good part of the lease.
        changed |= {"processed_at": now, "due_at": now + LEASE}
        for known, same in alike:
            if known == changed:
                same.append(request)
                break
        else:
            alike.append((changed, [request]))
    for changed, same in alike:
        hold(writes, same, **changed)


def _announce(request: WebhookRequest, announced: Iterable[Announcement]) -> None:
    """Send the signals, then commit the failures of receivers and the final state together."""
    failures = announce(request, announced, keeper([request]))
    _conclude(request, failures)


def _announce_again(request: WebhookRequest) -> None:
    """Call the receivers that failed once more, but for those that may still be running."""
    running = Q(error=NEVER_RETURNED, due_at__gt=timezone.now())
    failures = list(failures_of(request.pk).exclude(running).order_by("pk"))
    still, mended = announce_again(failures, announcements(request), keeper([request]))
    pks = [failure.pk for failure in mended if failure.pk is not None]
    failures_of(request.pk).filter(pk__in=pks).delete()
    _conclude(request, still)


def _conclude(request: WebhookRequest, failures: list[ReceiverFailure]) -> None:
    """Commit what receivers are still to be called, and the state that follows from it."""
    now = timezone.now()
    careful = request.taken_over or request.state == RequestState.FAILING
    if not failures and not careful:
        advance([request], state=request.outcome, claimed_by="")
        return
    with transaction.atomic(using=request._state.db):
        if careful:
            # First a write, as SQLite refuses one after a read where another worker wrote since.
            advance([request], claimed_by=request.claimed_by)
        _save(failures, request, failed_at=now, due_at=pause_after(request.attempts, now))
        due_at = failures_of(request.pk).aggregate(due_at=Min("due_at"))["due_at"]
        if due_at is None:
            advance([request], state=request.outcome, claimed_by="")
        elif request.attempts >= app_settings.max_attempts:
            request.state = RequestState.FAILING  # all signals are sent
            _give_up(request)
        else:
            advance([request], state=RequestState.FAILING, due_at=due_at, claimed_by="")


def _conclude_sent(sent: list[WebhookRequest], waiting: list[WebhookRequest]) -> None:
    """Commit the final state of requests whose receivers all returned, and forget them."""
    for outcome in {request.outcome for request in sent}:
        alike = [request for request in sent if request.outcome == outcome]
        try:
            advance(alike, state=outcome, claimed_by="")
        except LeaseLost:
            logger.warning("%d requests were taken over by another worker", len(alike))
    for request in sent:
        waiting.remove(request)
    sent.clear()


def _save(failures: list[ReceiverFailure], request: WebhookRequest, **when: Any) -> None:
    """Insert new failures and update those of earlier attempts, not one statement for each."""
    for failure in failures:
        vars(failure).update(when)
    rows = failures_of(request.pk)
    rows.bulk_create([failure for failure in failures if failure.pk is None])
    known = [failure for failure in failures if failure.pk is not None]
    rows.bulk_update(known, ["attempts", "error", *when], batch_size=_UPDATE_BATCH)


def _postpone(request: WebhookRequest, error: Exception) -> None:
    """Record a fault of ours, after which the request rests for a while."""
    connection = transaction.get_connection(request._state.db)
    if not connection.in_atomic_block:
        start_anew(connection)  # it may be what is broken
    if request.attempts >= app_settings.max_attempts:
        _give_up(request, error=describe(error))
        return
    # Where the rows are there, the signals are what is left to do.
    stored = request.state == RequestState.STORED
    state = RequestState.STORED if stored else RequestState.FAILING
    due_at = pause_after(request.attempts, timezone.now())
    advance([request], state=state, error=describe(error), due_at=due_at, claimed_by="")


def _give_up(request: WebhookRequest, **changes: Any) -> None:
    """Leave to people what was tried as often as ``MAX_ATTEMPTS`` allows."""
    if request.state == RequestState.FAILING and request.processed_at is not None:
        # Only receivers are left to be called, which a person can ask for.
        failures_of(request.pk).update(due_at=None)
    advance([request], state=RequestState.DEAD, claimed_by="", **changes)
    logger.error("Request %s is dead after %d attempts", request.token, request.attempts)
