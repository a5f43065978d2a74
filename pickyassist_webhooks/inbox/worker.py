"""Keep new requests, and process claimed ones: store their rows, send signals, save the outcome.

After a crash the row is due again when its lease has passed. Every error here is ours, and the
request is retried from its row.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

from django.db import IntegrityError

from ..bulk import writer_of
from ..bulk.plan import Insert
from ..choices import EventKind, RequestOrigin, RequestState
from ..conf import app_settings
from ..exceptions import LeaseLost
from ..models import GroupMemberEvent, WebhookRequest
from ..models.requests import database_of_requests, requests
from ..parsing.payloads import Payload, parse, parse_pulled
from ..parsing.values import Problem
from ..tracing import span
from ..transactions import committed, own_transaction, with_retries
from .announce import announce, signal_calls
from .decide import Result, decide, rows_of
from .leases import lock, never, release, renewal
from .look import look_up
from .outcome import finish, give_up, postpone, save_failures

logger = logging.getLogger(__name__)

#: Rows that are stored without a lock, at most: more are likely to meet another worker.
_MAX_UNLOCKED = 200

#: A crash in a batch may send signals again: those of so many seconds at most.
MAX_UNFINISHED = 1.0


def keep(request: WebhookRequest) -> WebhookRequest:
    """Commit the bytes of a new request alone, unless an earlier attempt saved it.

    Raises ``RuntimeError`` inside a transaction unless the row is there, because nothing would be
    committed when this returns. Also raises database errors, for example, but not on MariaDB, if
    plain SQL began a transaction.
    """
    database = database_of_requests()
    try:
        with committed(database):
            writer_of(database).write([Insert([request])])
    except (IntegrityError, RuntimeError):
        saved = requests().defer("body").filter(token=request.token).first()
        if saved is None:
            raise
        vars(request).update(vars(saved))
    return request


def store_new(request: WebhookRequest) -> dict[int, Result]:
    """Commit a new request together with its rows. Raises any error, and then commits nothing."""
    with span("store", requests=1):
        return _attempt([request], [_understand(request)])


def work(
    batch: list[WebhookRequest],
    stop: Callable[[], bool] = never,
    results: dict[int, Result] | None = None,
) -> None:
    """Process requests that were claimed together, to their end.

    The rows of all are stored in one transaction; ``results`` are those of rows that already are.
    ``stop`` is called between two requests; those whose signals are not sent by then are released.
    """
    for request in batch:
        if request.attempts > app_settings.max_attempts:
            with _faults_of(request):
                give_up(request)
    received = [request for request in batch if request.state == RequestState.RECEIVED]
    try:
        if received:
            with span("store", requests=len(received)):
                payloads = [_understand(request) for request in received]
                attempt = partial(_attempt, received, payloads)
                results = with_retries(str(received[0]._state.db), attempt)
    except Exception as err:
        if len(received) == 1:
            with _faults_of(received[0]):
                raise
        else:
            logger.warning("Processing %d requests one by one: %s", len(batch), type(err).__name__)
            for request in received:
                work([request], stop)
    stored = [r for r in batch if r.state == RequestState.STORED and r.claimed_by]
    _announce(stored, results or {}, stop)


def _attempt(
    batch: list[WebhookRequest], payloads: list[Payload], races: int = 0
) -> dict[int, Result]:
    """Commit the rows, messages and states of new or claimed requests; return their results."""
    writer = writer_of(batch[0]._state.db or database_of_requests())
    rows = rows_of(batch, payloads)
    is_many = sum(map(len, rows.values())) > _MAX_UNLOCKED
    # Otherwise a faster worker is noticed by the write.
    is_locking = races > 0 or not writer.is_guarding or GroupMemberEvent in rows or is_many
    with (own_transaction if is_locking else committed)(writer.database):
        if races and not writer.connection.savepoint_ids:  # a TestCase began the transaction
            writer.see_new_commits()
        if batch[0].pk is None:
            writer.use_first(WebhookRequest)
        elif is_locking:
            lock(batch)
        recorded = look_up(rows, batch, writer, is_locking, thorough=races > 0)
        plan, results = decide(batch, payloads, rows, recorded)
        writer.write(plan)
    for request, result in zip(batch, results, strict=True):
        vars(request).update(result.changes)
    return {request.pk: result for request, result in zip(batch, results, strict=True)}


def _understand(request: WebhookRequest) -> Payload:
    """Parse the bytes; refuse an encoded body and events of another project."""
    if request.content_encoding.strip().lower() not in ("", "identity"):
        expected = "a body without a Content-Encoding"
        return Payload(problems=[Problem("", "content_encoding", expected)])
    if request.origin == RequestOrigin.PULL:  # we asked, so its project needs no check
        return parse_pulled(bytes(request.body), request.project_id)
    payload = parse(bytes(request.body), request.content_type)
    if not payload.kind or app_settings.accepts_project(request.secret_label, payload.project_id):
        return payload
    name = "project-id" if payload.kind == EventKind.CHAT_MESSAGE else "project_id"
    problem = Problem(name, "foreign_project", "one of the PROJECT_IDS of this secret")
    return Payload(payload.kind, payload.project_id, problems=[problem])


def _announce(
    waiting: list[WebhookRequest], results: dict[int, Result], stop: Callable[[], bool]
) -> None:
    """Send the signals of stored requests, and save the outcome of each."""
    sent: list[WebhookRequest] = []
    finished_at = time.monotonic()
    for request in list(waiting):
        if stop():
            break
        with _faults_of(request):
            result = results.get(request.pk)  # after a crash the rows are read again
            events, messages = (result.events, result.messages) if result else (None, None)
            calls = signal_calls(request, events, messages)
            with span("announce", request=request.token, kind=request.kind):
                failures = announce(request, calls, renewal(waiting))
            if failures or request.is_recovered:
                save_failures(request, failures)
            else:
                sent.append(request)
        if not request.claimed_by:
            waiting.remove(request)
        if time.monotonic() - finished_at > MAX_UNFINISHED:
            _finish(sent, waiting)
            finished_at = time.monotonic()
    _finish(sent, waiting)
    release(waiting)


def _finish(sent: list[WebhookRequest], waiting: list[WebhookRequest]) -> None:
    """Save the final state of requests whose receivers all succeeded, and forget them."""
    for outcome in {request.outcome for request in sent}:
        batch = [request for request in sent if request.outcome == outcome]
        try:
            finish(batch, outcome)
        except LeaseLost:
            for request in batch:
                _warn_lost(request)
    for request in sent:
        waiting.remove(request)
    sent.clear()


@contextmanager
def _faults_of(request: WebhookRequest) -> Iterator[None]:
    """Record an error of one request on its row."""
    try:
        yield
    except LeaseLost:
        _warn_lost(request)
    except Exception as err:
        logger.error("Could not process request %s: %s", request.token, type(err).__name__)
        with suppress(LeaseLost):  # the worker that took it over decides
            postpone(request, err)


def _warn_lost(request: WebhookRequest) -> None:
    logger.warning("Request %s was taken over by another worker", request.token)
