"""The outcome of a claimed request: done, failing, retried later, or permanently failed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from django.db.models import Count, F, Min
from django.utils import timezone

from ..bulk import writer_of
from ..bulk.plan import Change
from ..choices import RequestState
from ..conf import app_settings
from ..models import ReceiverFailure, WebhookRequest, durations
from ..models.failures import ERASED, NEVER_RETURNED, failures_of
from ..models.leases import LEASE, pause_after, worker
from ..models.moments import later
from ..models.requests import requests
from ..transactions import commit_unseen, own_transaction, reconnect_to, with_reconnect
from .calling import Called, SignalCall, call_receiver, describe, note
from .leases import advance, lock

logger = logging.getLogger(__name__)

_UPDATE_BATCH = 200

#: A call that was made again, and its result.
Made = tuple[ReceiverFailure, Called]

_SECONDS = "receiver_seconds"


def finish(batch: list[WebhookRequest], outcome: RequestState) -> None:
    """Save the final state of requests whose receivers all succeeded.

    A power failure may undo it; the signals are then sent again. Raises ``LeaseLost``.
    """
    own = (_SECONDS,) if any(request.receiver_seconds for request in batch) else ()
    changes = {"state": outcome, "claimed_by": "", "finished_at": timezone.now()}
    advance(batch, lazy=True, own=own, **changes)
    commit_unseen(str(batch[0]._state.db))


def save_failures(request: WebhookRequest, failures: list[ReceiverFailure]) -> None:
    """Commit the calls that must be made again, and the state that follows from them.

    Raises ``LeaseLost``.
    """
    database = str(request._state.db)

    def save() -> dict[str, Any]:
        with own_transaction(database):
            lock([request])
            for failure in failures:
                failure.pk = None  # a first attempt may have been rolled back
                _date(failure)
            failures_of(request.pk).bulk_create(failures, batch_size=_UPDATE_BATCH)
            if request.is_recovered:
                _take_over(request)
            changes = {"claimed_by": "", **_rest(request)}
            writer_of(database).write([Change([request], changes, own=(_SECONDS,))])
        return changes

    vars(request).update(with_reconnect(database, save))
    _warn_if_dead(request)


def save_calls(request: WebhookRequest, made: list[Made]) -> None:
    """Commit the outcome of calls that were claimed together, and the state of their request.

    If another worker has taken over a call that failed, that worker decides.
    """
    database, claim = str(request._state.db), made[0][0].claim
    succeeded = [failure.pk for failure, called in made if called.error is None]
    failed = [note(failure, called.error) for failure, called in made if called.error is not None]
    seconds = [(failure.receiver, called.seconds) for failure, called in made]

    def save() -> None:
        with own_transaction(database):
            # Locked: two workers may save the last calls at once.
            locked = requests().filter(pk=request.pk).select_for_update()
            columns = ("state", _SECONDS, "erased_at")
            state, earlier, erased_at = locked.values_list(*columns).first() or ("", None, None)
            calls = failures_of(request.pk)
            calls.filter(pk__in=succeeded).delete()
            for failure in failed:
                _date(failure)
                # The receiver has read the body before it was erased, and its error may repeat it.
                if erased_at and not request.erased_at:
                    failure.error = ERASED
            fields = ["error", "exception", "failed_at", "due_at", "claimed_by"]
            calls.filter(**claim).bulk_update(failed, fields, batch_size=_UPDATE_BATCH)
            if state == RequestState.FAILING:
                settle(request, receiver_seconds=durations.total(earlier, calls=seconds))

    with_reconnect(database, save)
    _warn_if_dead(request)


def settle(request: WebhookRequest, **changes: Any) -> None:
    """Save the state of a failing request, which follows from the calls that are left."""
    changes |= _rest(request)
    vars(request).update(changes)
    requests().filter(pk=request.pk, state=RequestState.FAILING).update(**changes)


def call_noted(call: SignalCall, name: str, receiver: Callable[..., Any]) -> float:
    """Call a receiver that may crash this worker, and return the seconds it took.

    Its record is saved before, as in flight.
    """
    request: WebhookRequest = call.named["request"]
    database, failure = str(request._state.db), call.failure(name)
    now = timezone.now()
    failure.error, failure.failed_at, failure.claimed_by = NEVER_RETURNED, now, worker()
    # The lease on the request ends before.
    failure.due_at = later(pause_after(1, now), LEASE)
    with_reconnect(database, lambda: failure.save(using=database))
    called = call_receiver(call, receiver)
    save_calls(request, [(failure, called)])
    return called.seconds


def _take_over(request: WebhookRequest) -> None:
    """Let those calls be made again, each alone, that crashed an earlier worker."""
    in_flight = failures_of(request.pk).exclude(claimed_by="")
    due_at = pause_after(1, timezone.now())
    in_flight.update(claimed_by="", due_at=due_at, crash_count=F("crash_count") + 1)


def _date(failure: ReceiverFailure) -> None:
    """Set when a call that failed now is made again: never, if no attempts are left."""
    now = timezone.now()
    is_last = failure.attempts >= app_settings.max_attempts
    failure.due_at = None if is_last else pause_after(failure.attempts, now)
    failure.failed_at, failure.claimed_by = now, ""


def _rest(request: WebhookRequest) -> dict[str, Any]:
    """Return the state of a request whose signals are sent, and when its next call is due."""
    left = failures_of(request.pk).aggregate(count=Count("pk"), due_at=Min("due_at"))
    if left["due_at"] is not None:
        return {"state": RequestState.FAILING, "due_at": left["due_at"]}
    state = RequestState.DEAD if left["count"] else request.outcome
    return {"state": state, "finished_at": timezone.now()}


def postpone(request: WebhookRequest, error: Exception) -> None:
    """Record an error of ours, and retry the request later from its state. Raises ``LeaseLost``."""
    reconnect_to(str(request._state.db))
    if request.attempts >= app_settings.max_attempts:
        give_up(request, error=describe(error))
        return
    due_at = pause_after(request.attempts, timezone.now())
    advance([request], error=describe(error), due_at=due_at, claimed_by="")


def give_up(request: WebhookRequest, **changes: Any) -> None:
    """Mark a request as permanently failed: its ``MAX_ATTEMPTS`` are used up."""
    finished_at = timezone.now()
    advance([request], state=RequestState.DEAD, claimed_by="", finished_at=finished_at, **changes)
    _warn_if_dead(request)


def _warn_if_dead(request: WebhookRequest) -> None:
    if request.state == RequestState.DEAD:
        logger.error(
            "Request %s failed permanently (attempts: %d); process it again in the admin",
            *(request.token, request.attempts),
        )
