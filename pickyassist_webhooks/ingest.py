"""The way of a request: keep the raw row, process it, be able to do so again.

``receive`` is called by the view, ``process`` by everybody else: the sweep, the admin, tasks
and tests. Faults are told apart by phase, never by type: until the raw row is committed every
fault is the caller's to report, and after it every fault is ours and tried again from the row.
"""

from __future__ import annotations

import logging
import time
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.module_loading import import_string

from . import spool
from .choices import RequestState
from .conf import app_settings
from .exceptions import BodyErased, NothingToDiscard, RequestInWork
from .models import WebhookRequest
from .models.failures import failures_of
from .models.requests import WebhookRequestQuerySet, database_of_requests, is_held
from .transactions import start_anew
from .worker import work

logger = logging.getLogger(__name__)

_FINISHED = (RequestState.DONE, RequestState.DISCARDED)

#: Seconds within which the raw row must have failed to be tried once more: the sender waits.
_QUICKLY = 1.0


def receive(body: bytes, **metadata: str) -> WebhookRequest:
    """Commit a request's bytes, have it processed as ``PROCESSOR`` says, and return its row.

    Where the database does not take them they go to ``SPOOL_DIR``, and the row returned has no
    ``pk``. Raises whatever kept both from being done. Once the bytes are safe nothing raises: what
    fails then is tried again by the sweep.
    """
    processor = app_settings.processor
    inline = processor == "inline"
    request = WebhookRequest.objects.new(body, claimed=inline, **metadata)
    try:
        _keep(request)
    except Exception as err:
        request.pk = None  # an insert that was never committed may have given it one
        if not spool.write(request):
            raise
        logger.error("Request %s is in the spool: %s", request.token, type(err).__name__)
        return request
    try:
        if inline:
            work(request)
        elif processor != "none":
            import_string(processor)(request.pk)
    except Exception as err:
        logger.error("Request %s is left to the sweep: %s", request.token, type(err).__name__)
    return request


def process(pk: int) -> WebhookRequest | None:
    """Process a request that is due and return it, or ``None`` where it is not due.

    A fault in processing it is recorded on the row, which is then due again after a pause.
    """
    for request in requests().claim([pk]):
        work(request)
        return request
    return None


def replay(pk: int, by: str = "", only_failed_receivers: bool = False) -> WebhookRequest | None:
    """Process a request again from its bytes: no second row, signals with ``is_replay=True``.

    ``by`` says who asked for it, and is kept in the request's history. With
    ``only_failed_receivers`` no other receiver is called. Returns ``None`` where a worker was
    faster. Raises ``RequestInWork`` while a worker holds the request, or where no receiver is
    waiting to be called again; ``BodyErased``, and ``WebhookRequest.DoesNotExist``.
    """
    now = timezone.now()
    changes: dict[str, Any] = {"state": RequestState.RECEIVED, "processed_at": None}
    if only_failed_receivers:
        changes = {"state": RequestState.FAILING}
        # Asked apart from the UPDATE: once that has waited for a worker's claim, PostgreSQL looks
        # anew at the row's own columns, but not at what was joined to them.
        if not requests().filter(may_call_receivers_again(), pk=pk).exists():
            token = requests().only("token").get(pk=pk).token
            raise RequestInWork(f"expected failed receivers of request {token}, found none")
    changes |= {"attempts": 0, "workers_lost": 0, "claimed_by": "", "due_at": now}
    with transaction.atomic(using=database_of_requests()):
        at_rest = requests().filter(pk=pk).exclude(is_held(now))
        if not only_failed_receivers:
            at_rest = at_rest.filter(erased_at=None)
        if not at_rest.update(**changes, replays=F("replays") + 1):
            request = requests().only("token", "erased_at").get(pk=pk)
            if request.erased_at and not only_failed_receivers:
                raise BodyErased(f"expected the bytes of request {request.token}, they are erased")
            raise RequestInWork(f"expected request {request.token} at rest, a worker holds it")
        if only_failed_receivers:
            failures_of(pk).update(due_at=now)
        else:
            failures_of(pk).delete()
        request = requests().only("history").get(pk=pk)
        what = "failed receivers called again" if only_failed_receivers else "processed again"
        request.remember(by, what)
        request.save(using=database_of_requests(), update_fields=["history"])
    return process(pk)


def discard(pk: int, by: str, reason: str) -> WebhookRequest:
    """Put a request aside that nobody is to care about any more; return it.

    ``by`` and ``reason`` are kept in its history. It is not tried again, and can still be replayed.
    Raises ``RequestInWork`` while a worker holds it, ``NothingToDiscard`` where nothing is left to
    be done about it, and ``WebhookRequest.DoesNotExist``.
    """
    now = timezone.now()
    with transaction.atomic(using=database_of_requests()):
        at_rest = requests().filter(pk=pk).exclude(is_held(now) | Q(state__in=_FINISHED))
        if not at_rest.update(state=RequestState.DISCARDED, claimed_by=""):
            request = requests().only("token", "state").get(pk=pk)
            if request.state in _FINISHED:
                expected = "expected something left to do about request"
                raise NothingToDiscard(f"{expected} {request.token}, it is {request.state}")
            raise RequestInWork(f"expected request {request.token} at rest, a worker holds it")
        failures_of(pk).delete()
        request = requests().defer("body", "problems", "warnings").get(pk=pk)
        request.remember(by, f"discarded: {reason}")
        request.save(using=database_of_requests(), update_fields=["history"])
    return request


def may_call_receivers_again() -> Q:
    """Return the condition for requests whose signals were all sent, but some receivers failed."""
    failing = Q(state=RequestState.FAILING, receiver_failures__isnull=False)
    # Where the attempts are used up, and not because workers were lost before the last signal.
    dead = Q(state=RequestState.DEAD, receiver_failures__due_at=None)
    return failing | dead & Q(receiver_failures__isnull=False)


def requests() -> WebhookRequestQuerySet:
    """Return all requests, in the database that the router gives for writing them."""
    return WebhookRequest.objects.using(database_of_requests())


def _keep(request: WebhookRequest) -> None:
    """Commit the raw row, if need be on a new connection: this one may have outlived its server."""
    began = time.monotonic()
    try:
        WebhookRequest.objects.keep(request)
    except Exception:
        connection = transaction.get_connection(database_of_requests())
        if connection.in_atomic_block or time.monotonic() - began > _QUICKLY:
            raise
        start_anew(connection)
        request.pk = None
        requests().keep_once(request)
