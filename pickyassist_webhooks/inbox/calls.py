"""Call receivers again that failed. Each such call is a job of its own, claimed as requests are."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable

from ..choices import RequestState
from ..conf import app_settings
from ..exceptions import LeaseLost, WorkerCrashed
from ..models import ReceiverFailure, WebhookRequest
from ..models.failures import NEVER_RETURNED, failures
from ..models.requests import requests
from .announce import signal_calls
from .calling import Called, SignalCall, call_receiver
from .leases import advance, never, release, renewal
from .outcome import Made, save_calls

logger = logging.getLogger(__name__)

#: Calls of one request that are claimed together, at most.
BATCH = 100

#: A crash may repeat calls: those of so many seconds at most.
MAX_UNSAVED = 1.0


def due_calls(of: Iterable[int] = ()) -> list[int]:
    """Return the ids of due calls of one request, the longest due first.

    ``of`` limits them to some requests. After a crash each call is alone, so that those that did
    not crash the worker are not to blame.
    """
    # Not before all signals of the request are sent: its worker skips these calls.
    due = failures().due().filter(request__state=RequestState.FAILING).order_by("due_at", "pk")
    due = due.filter(request__in=of) if of else due
    first = due.values_list("pk", "request", "crash_count", "claimed_by").first()
    if first is None:
        return []
    pk, request, crashes, claimed_by = first
    if crashes or claimed_by:
        return [pk]
    alike = due.filter(request=request, crash_count=0, claimed_by="")
    return list(alike.values_list("pk", flat=True)[:BATCH])


def call_again(pks: Iterable[int], stop: Callable[[], bool] = never) -> WebhookRequest | None:
    """Claim these calls of one request, make them, and return the request.

    ``stop`` is called between two calls; those not made by then are released. Returns ``None`` if
    other workers were faster.
    """
    claimed = failures().claim(pks)
    if not claimed:
        return None
    request = requests().defer("body").get(pk=claimed[0].request_id)
    calls = signal_calls(request, of={failure.event_id for failure in claimed})
    by_event = {(call.name, call.event_id): call for call in calls}
    keep_lease = renewal(claimed)
    made: list[Made] = []
    saved_at = time.monotonic()
    for failure in list(claimed):
        if stop():
            break
        try:
            keep_lease()
        except LeaseLost:
            logger.warning("Calls of request %s were taken over by another worker", request.token)
            return request
        call = by_event.get((failure.signal, failure.event_id))
        made.append((failure, _call(failure, call)))
        if time.monotonic() - saved_at > MAX_UNSAVED:
            _save(request, made, claimed)
            saved_at = time.monotonic()
    _save(request, made, claimed)
    release(claimed)
    return request


def _save(request: WebhookRequest, made: list[Made], claimed: list[ReceiverFailure]) -> None:
    """Save the calls made so far, and forget them."""
    if made:
        save_calls(request, made)
    for failure, _ in made:
        claimed.remove(failure)
    made.clear()


def _call(failure: ReceiverFailure, call: SignalCall | None) -> Called:
    if call is None:
        return Called(None)  # the event was deleted meanwhile
    receivers = dict(call.signal.receivers_of(call.sender))
    if failure.receiver not in receivers:
        return Called(LookupError(f"receiver {failure.receiver} is not connected any more"))
    if failure.attempts > app_settings.max_attempts:
        return Called(WorkerCrashed("each attempt crashed its worker"))
    if failure.is_recovered:
        advance([failure], error=NEVER_RETURNED, exception="")
    return call_receiver(call, receivers[failure.receiver])
