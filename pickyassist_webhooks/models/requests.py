"""What came in: one row for each accepted POST, which is also the queue of what is to be done."""

from __future__ import annotations

import os
import socket
import threading
import uuid
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.db import models, router, transaction
from django.db.models import Case, F, Value, When
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .. import masking
from ..characters import MAX_LABEL, printable, storable
from ..choices import UNFINISHED, EventKind, RequestState
from ..masking import Masks
from ..tables.choice import table_of
from ..transactions import has_unseen_transaction
from .columns import ExactCharField, SparseIndex, build

#: How long a worker holds a request. It renews the lease while it works; after a crash another
#: worker takes the request up once this has passed.
LEASE = timedelta(seconds=60)

#: How far the clock of a worker's host may be behind without a request being due too late.
MAX_SKEW = timedelta(seconds=5)

#: Columns that no list shows and that may be as large as a request.
LARGE = ("body", "problems", "warnings", "error", "history")

#: Entries kept of what people did to one request, the latest ones.
MAX_HISTORY = 50


class WebhookRequestQuerySet(models.QuerySet["WebhookRequest"]):
    def new(self, body: bytes, *, claimed: bool = False, **metadata: Any) -> WebhookRequest:
        """Return a request that is not saved yet, claimed by this worker if asked for.

        ``metadata`` are further columns; their text is cut to what no database can refuse.
        """
        now = timezone.now()
        for name, length in _TEXTS.items():
            if text := metadata.get(name):
                metadata[name] = printable(text, length)
        values = {
            "token": uuid.uuid4(),
            "body": body,
            "problems": [],
            "warnings": [],
            "history": [],
            "received_at": now,
            "due_at": now - MAX_SKEW,
        }
        request = build(WebhookRequest, values | metadata)
        if claimed:
            request.due_at, request.claimed_by, request.attempts = now + LEASE, worker(), 1
        return request

    def keep(self, request: WebhookRequest) -> WebhookRequest:
        """Commit a new request by itself.

        Raises ``RuntimeError`` inside of a transaction, because then nothing is committed yet
        when this returns, and whatever the database raises, as where one was begun in plain SQL.
        """
        database = database_of_requests()
        connection = transaction.get_connection(database)
        if connection.in_atomic_block or has_unseen_transaction(connection):
            with transaction.atomic(using=database, durable=True):
                table_of(WebhookRequest, database).keep(request)
        else:
            table_of(WebhookRequest, database).keep(request)  # commits by itself
        return request

    def unfinished(self) -> WebhookRequestQuerySet:
        """Return the requests that a worker still has to do something about, now or later."""
        return self.filter(state__in=UNFINISHED)

    def due(self) -> WebhookRequestQuerySet:
        """Return the requests a worker should take up now, oldest first."""
        return self.unfinished().filter(due_at__lte=timezone.now()).order_by("pk")

    def claim(self, pks: Iterable[int]) -> list[WebhookRequest]:
        """Claim those of these requests that are due, and return them, oldest first.

        One conditional UPDATE, so that of several workers one gets each. What another worker has
        locked is left to it, where the database can tell (``SKIP LOCKED``).
        """
        database = database_of_requests()
        mine = {"due_at": timezone.now() + LEASE, "claimed_by": worker()}
        wanted = WebhookRequest.objects.using(database).filter(pk__in=list(pks))
        features = transaction.get_connection(database).features
        can_skip = features.has_select_for_update_skip_locked
        with transaction.atomic(using=database) if can_skip else nullcontext():
            if can_skip:
                free = wanted.select_for_update(skip_locked=True).values_list("pk", flat=True)
                wanted = WebhookRequest.objects.using(database).filter(pk__in=list(free))
            # Whoever still stands there has been lost: it neither finished nor gave back.
            lost = Case(When(claimed_by="", then=Value(0)), default=Value(1))
            claimed = (
                wanted.due()
                .order_by()
                .update(attempts=F("attempts") + 1, workers_lost=F("workers_lost") + lost, **mine)
            )
        return list(wanted.filter(**mine).order_by("pk")) if claimed else []

    def keep_once(self, request: WebhookRequest) -> WebhookRequest:
        """Commit a new request unless it is there: whoever tried before may not know."""
        known = self.filter(token=request.token).values_list("pk", flat=True).first()
        if known is None:
            return self.keep(request)
        request.pk = known
        request._state.db, request._state.adding = self.db, False
        return request


class WebhookRequest(models.Model):
    """One accepted POST, its exact bytes, and what became of it.

    Picky Assist never sends an Event Webhook twice, so this row is the only copy there is.
    """

    personal: ClassVar[Masks] = dict.fromkeys(("body", "query", "error"), masking.hidden)

    token = models.UUIDField(_("token"), default=uuid.uuid4, editable=False)
    body = models.BinaryField(_("body"))
    content_type = models.CharField(_("content type"), max_length=255, blank=True)
    content_encoding = models.CharField(_("content encoding"), max_length=40, blank=True)
    query = models.CharField(_("query string"), max_length=1000, blank=True)
    remote_addr = models.CharField(_("remote address"), max_length=60, blank=True)
    secret_label = ExactCharField(_("secret label"), max_length=MAX_LABEL, blank=True)
    kind = models.CharField(_("kind"), max_length=20, choices=EventKind.choices, blank=True)
    get_kind_display: Callable[[], str]
    state = models.CharField(
        _("state"), max_length=20, choices=RequestState.choices, default=RequestState.RECEIVED
    )
    get_state_display: Callable[[], str]
    problems = models.JSONField(_("problems"), default=list, blank=True)
    warnings = models.JSONField(_("warnings"), default=list, blank=True)
    # What the first of the problems is, wherever it was: requests with the same one are a group.
    problem = ExactCharField(_("problem"), null=True, blank=True, editable=False)
    event_count = models.PositiveIntegerField(_("events"), default=0)
    repeat_count = models.PositiveIntegerField(_("repeats"), default=0)
    problem_count = models.PositiveIntegerField(_("problems counted"), default=0)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    replays = models.PositiveIntegerField(_("replays"), default=0)
    error = models.TextField(_("last error"), blank=True)
    # Who holds the row now, blank where nobody does; how many workers were lost while they did.
    claimed_by = ExactCharField(_("claimed by"), max_length=100, blank=True, editable=False)
    workers_lost = models.PositiveIntegerField(_("workers lost"), default=0)
    # What people did to it: dicts of when, who and what.
    history = models.JSONField(_("history"), default=list, blank=True)
    # Until then a worker holds the row, or it rests after a failure.
    due_at = models.DateTimeField(_("due at"))
    received_at = models.DateTimeField(_("received at"))
    processed_at = models.DateTimeField(_("processed at"), null=True, blank=True)
    # Since then the body is empty, because somebody's personal data were in it.
    erased_at = models.DateTimeField(_("erased at"), null=True, blank=True)

    objects: ClassVar[WebhookRequestQuerySet] = WebhookRequestQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("webhook request")
        verbose_name_plural = _("webhook requests")
        permissions = (
            ("replay_webhookrequest", _("Can process a webhook request again")),
            ("retry_webhookrequest", _("Can call the failed receivers of a webhook request again")),
            ("discard_webhookrequest", _("Can discard a webhook request")),
            ("view_personal_data", _("Can view numbers, names, texts and bodies")),
            ("erase_personal_data", _("Can erase all that is kept of a number")),
            ("view_webhook_url", _("Can see the URL to paste, with its secret")),
        )
        constraints = (models.UniqueConstraint(fields=["token"], name="pickyassist_request_token"),)
        indexes = (
            models.Index(fields=["state", "due_at"], name="pickyassist_request_due"),
            models.Index(fields=["received_at"], name="pickyassist_request_received"),
            models.Index(fields=["state", "received_at"], name="pickyassist_request_state"),
            SparseIndex(
                fields=["problem", "state", "received_at", "id"],
                rows=models.Q(problem__isnull=False),
                name="pickyassist_request_problem",
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_kind_display() or _('request')} {self.token}"

    @property
    def is_replay(self) -> bool:
        """Whether a person has had this request processed again."""
        return self.replays > 0

    @property
    def is_fresh(self) -> bool:
        """Whether this is the first attempt at it, so that it may go together with others."""
        return self.state == RequestState.RECEIVED and self.attempts == 1

    @property
    def taken_over(self) -> bool:
        """Whether a worker was lost on this request: what it does next may be what killed it."""
        return self.workers_lost > 0

    def remember(self, who: str, what: str) -> None:
        """Add to the history what a person did, and when. Does not save."""
        entry = {
            "at": timezone.now().isoformat(timespec="seconds"),
            "by": storable(who)[:150],
            "what": what,
        }
        self.history = [*self.history, entry][-MAX_HISTORY:]

    @property
    def outcome(self) -> RequestState:
        """The state in which this request ends once its signals are sent."""
        return outcome_of(self.event_count, self.repeat_count, self.problem_count)


def database_of_requests() -> str:
    """Return the alias of the database in which everything of this app happens."""
    return str(router.db_for_write(WebhookRequest))


def outcome_of(events: int, repeats: int, problems: int) -> RequestState:
    """Return where a request ends: quarantined if there were problems and nothing else."""
    understood = events or repeats or not problems
    return RequestState.DONE if understood else RequestState.QUARANTINED


def is_held(now: datetime) -> models.Q:
    """Return the condition for requests that a worker is processing."""
    return ~models.Q(claimed_by="") & models.Q(due_at__gt=now)


def worker() -> str:
    """Return the name by which this thread claims requests: its host, process and thread."""
    return printable(f"{socket.gethostname()}:{os.getpid()}:{threading.get_native_id()}", 100)


def pause_after(attempts: int, now: datetime) -> datetime:
    """Return when to try again after so many failures: 30 seconds, growing fourfold to 6 hours."""
    seconds = min(30 * 4 ** (min(attempts, 8) - 1), 6 * 3600)
    return now + timedelta(seconds=seconds)


# Columns that hold what a sender said of its request, and what is kept of each.
_TEXTS = {
    "content_type": 255,
    "content_encoding": 40,
    "query": 1000,
    "remote_addr": 60,
    "secret_label": MAX_LABEL,
}
