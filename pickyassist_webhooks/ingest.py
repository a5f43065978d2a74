"""The Python API: receive, process, replay and discard requests.

The view calls ``receive``; the sweep, the admin, tasks and tests call ``process``. The phase of
an error decides, never its type. Until the bytes are committed, the error is raised. After that
it is recorded, and the request is retried from its row.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import DataError, IntegrityError, connections
from django.db import Error as DatabaseFault
from django.db.models import Q
from django.utils import timezone
from django.utils.module_loading import import_string

from .choices import RequestState
from .conf import app_settings
from .exceptions import FAILURES, BodyErased, NothingToDiscard, RequestInWork
from .inbox import spool, worker
from .inbox.calls import call_again, due_calls
from .models import WebhookRequest
from .models.failures import failures_of
from .models.requests import database_of_requests, requests
from .signals import dotted_path
from .transactions import nesting_of, own_transaction, reconnect_to

logger = logging.getLogger(__name__)

_FINISHED = (RequestState.DONE, RequestState.DISCARDED)

#: Bytes of a request that is committed together with its rows, at most: parsing it is quick.
SMALL = 64 * 1024

#: Errors of the rows, after which the connection is still good: another worker was faster.
_OF_ROWS = (DataError, IntegrityError)

#: Retry only if the first attempt failed within this many seconds: the sender waits.
_QUICKLY = 1.0
#: The same without a spool, as the request would be lost: PostgreSQL takes a second to notice a
#: deadlock. A server that is down takes two, as the docs advise.
_PATIENTLY = 1.9
#: Seconds before each retry.
_PAUSES = (0.0, 0.02, 0.1)


def receive(body: bytes, **metadata: str) -> WebhookRequest:
    """Commit a request's bytes, have it processed as ``PROCESSOR`` says, and return its row.

    A small request is committed together with its rows. If that fails, its bytes alone are. If
    the database fails, the bytes go to ``SPOOL_DIR``, and the returned row has no ``pk``. Raises an
    error only if both fail. Once the bytes are safe nothing is raised: the sweep retries later
    failures.
    """
    processor = app_settings.processor
    inline = processor == "inline"
    request = WebhookRequest.objects.new(body, claimed=inline, **metadata)
    began = time.monotonic()
    results = failed = None
    if inline and len(body) <= SMALL:
        try:
            results = worker.store_new(request)
        except Exception as err:
            failed, request.pk = err, None
            logger.info("Request %s is not stored at once: %s", request.token, type(err).__name__)
    if results is None:
        try:
            _keep(request, began, failed)
        except Exception as err:
            request.pk = None  # an insert that was rolled back may have set it
            if not spool.write(request):
                raise
            logger.error(
                "Could not save request %s (%s); it is in the spool and pickyassist_process will"
                " process it.",
                *(request.token, dotted_path(type(err)) + nesting_of(err)),
            )
            return request
    try:
        if inline:
            worker.work([request], results=results)
        elif processor != "none":
            import_string(processor)(request.pk)
    except FAILURES as err:
        logger.error(
            "Could not %s request %s (%s); pickyassist_process will process it.",
            *("process" if inline else "queue", request.token, dotted_path(type(err))),
        )
    return request


def process(pk: int) -> WebhookRequest | None:
    """Process a request that is due and return it, or ``None`` if it is not due.

    A failure is recorded on the row, which is then due again after a pause.
    """
    claimed = requests().claim([pk])
    if not claimed:
        return None
    worker.work(claimed)
    return claimed[0]


def replay(pk: int, by: str = "", only_failed_receivers: bool = False) -> WebhookRequest | None:
    """Process a request again from its bytes: no second row, signals with ``is_replay=True``.

    ``by`` is the operator, and is kept in the request's history. With ``only_failed_receivers``
    no other receiver is called. Returns ``None`` if a worker was faster. Raises ``RequestInWork``
    if a worker holds the request, or no failed receiver is left to retry; ``BodyErased``, and
    ``WebhookRequest.DoesNotExist``.
    """
    now = timezone.now()
    with _at_rest(pk) as request:
        again = {"attempts": 0, "crash_count": 0, "claimed_by": "", "due_at": now}
        if only_failed_receivers:
            if not requests().filter(may_call_receivers_again(), pk=pk).exists():
                problem = "has no failed receivers to call again"
                raise RequestInWork(f"request {request.token} {problem}")
            failures_of(pk).update(**again)
            failing = {"state": RequestState.FAILING, "finished_at": None}
            _change(request, by, "failed receivers called again", **failing)
        elif request.erased_at:
            raise BodyErased(f"cannot process request {request.token}: its bytes are erased")
        else:
            failures_of(pk).delete()
            blank = dict.fromkeys(("processed_at", "finished_at", "receiver_seconds"))
            changes = again | blank | {"state": RequestState.RECEIVED}
            _change(request, by, "processed again", **changes)
    return _call_again(pk) if only_failed_receivers else process(pk)


def discard(pk: int, by: str, reason: str) -> WebhookRequest:
    """Discard a request that needs no more processing, and return it.

    ``by`` and ``reason`` are kept in its history. It is not retried, but can still be replayed.
    Raises ``RequestInWork`` if a worker holds it, ``NothingToDiscard`` if it is done or already
    discarded, and ``WebhookRequest.DoesNotExist``.
    """
    with _at_rest(pk) as request:
        if request.state in _FINISHED:
            problem = f"it is already {request.state}"
            raise NothingToDiscard(f"cannot discard request {request.token}: {problem}")
        failures_of(pk).delete()
        _change(request, by, f"discarded: {reason}", state=RequestState.DISCARDED, claimed_by="")
    return request


def may_call_receivers_again() -> Q:
    """Return the condition for requests whose signals were all sent, but some receivers failed."""
    # If the attempts are used up, but not if workers crashed before the last signal.
    dead = Q(state=RequestState.DEAD, receiver_failures__due_at=None)
    return (Q(state=RequestState.FAILING) | dead) & Q(receiver_failures__isnull=False)


@contextmanager
def _at_rest(pk: int) -> Iterator[WebhookRequest]:
    """Lock a request that no worker holds, in a transaction of its own."""
    with own_transaction(database_of_requests()):
        locked = requests().select_for_update().defer("body", "problems", "warnings")
        request: WebhookRequest = locked.get(pk=pk)
        now = timezone.now()
        # Each locked, as a worker may have claimed it and not committed yet.
        calls = failures_of(pk).select_for_update().only("claimed_by", "due_at")
        if any(row.is_claimed(now) for row in (request, *calls)):
            raise RequestInWork(f"a worker is processing request {request.token}; try again later")
        yield request


def _change(request: WebhookRequest, by: str, action: str, **changes: Any) -> None:
    """Save what a person did, and its consequences."""
    vars(request).update(changes)
    if request.state != RequestState.DISCARDED:
        request.replays += 1
    request.remember(by, action)
    request.save(update_fields=["history", "replays", *changes])


def _call_again(pk: int) -> WebhookRequest | None:
    """Make the due calls of a request, and return it."""
    called = False
    while (pks := due_calls(of=[pk])) and call_again(pks):
        called = True
    return requests().get(pk=pk) if called else None


def _keep(request: WebhookRequest, began: float, failed: Exception | None) -> None:
    """Commit the raw row; retry on a new connection, as the server may have restarted.

    Retry also if the server answers: other transactions may have blocked this one. ``failed`` is
    the error of the attempt to store it at once; if the database took long for it, that was the
    only attempt, because the sender waits.
    """
    patience = _QUICKLY if app_settings.spool_dir else _PATIENTLY
    if isinstance(failed, DatabaseFault) and time.monotonic() - began > patience:
        raise failed
    database = database_of_requests()
    connection = connections[database]
    retries = 0 if failed is None else 1
    if retries and not isinstance(failed, _OF_ROWS):
        reconnect_to(database)
    while True:
        try:
            worker.keep(request)  # an attempt may be committed, without an answer
            return
        except Exception:
            is_away = retries > 0 and connection.connection is None
            is_late = retries == len(_PAUSES) or time.monotonic() - began > _QUICKLY
            if is_away or is_late or connection.in_atomic_block:
                raise
        reconnect_to(database)
        time.sleep(_PAUSES[retries])
        retries += 1
        request.pk = None
