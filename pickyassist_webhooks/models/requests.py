"""The requests: one row for each accepted POST. The table is also the queue of pending work."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any, ClassVar

from django.db import DEFAULT_DB_ALIAS, connections, models, router
from django.db.models import CharField, Func
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from ..choices import UNFINISHED, WAITING, EventKind, RequestOrigin, RequestState
from ..parsing.characters import MAX_LABEL, printable, storable
from . import durations, masking
from .columns import (
    ExactCharField,
    InstantField,
    SparseIndex,
    UnicodeCharField,
    build,
)
from .encodings import holdable
from .leases import LEASE, Leased, LeasedQuerySet, worker
from .masking import Masks
from .moments import later

#: How late the clock of a worker's host can be before requests become due too late.
MAX_SKEW = timedelta(seconds=5)

#: Columns that no list shows and that can be as large as a request.
LARGE = ("body", "problems", "warnings", "error", "history")

#: A request is a test if its query string has this part.
TEST_MARKER = "pickyassist_test=1"

# Literally in the statement: SQLite uses an index of some rows only then.
_TEST = Func(template=f"'{RequestOrigin.TEST}'", output_field=CharField())

#: Maximum history entries of one request; the latest are kept.
MAX_HISTORY = 50


class WebhookRequestQuerySet(LeasedQuerySet["WebhookRequest"]):
    def new(self, body: bytes, *, claimed: bool = False, **metadata: Any) -> WebhookRequest:
        """Return an unsaved request, claimed by this worker if ``claimed`` is true.

        ``metadata`` are more columns; their text is cut so that every database accepts it.
        """
        now = timezone.now()
        for name, length in _TEXTS.items():
            if text := metadata.get(name):
                metadata[name] = printable(text, length)
        if TEST_MARKER in metadata.get("query", "").split("&"):
            metadata["origin"] = RequestOrigin.TEST
        values = {
            "token": uuid.uuid4(),
            "body": body,
            "problems": [],
            "warnings": [],
            "history": [],
            "received_at": now,
            "due_at": later(now, -MAX_SKEW),
        }
        if claimed:
            values |= {"due_at": later(now, LEASE), "claimed_by": worker(), "attempts": 1}
        return build(WebhookRequest, values | metadata)

    def unfinished(self) -> WebhookRequestQuerySet:
        """Return the requests that a worker must still process, now or later."""
        return self.filter(state__in=UNFINISHED)

    def tests(self) -> WebhookRequestQuerySet:
        """Return the requests that a person posted as a test."""
        return self.filter(origin=_TEST)

    def due(self) -> WebhookRequestQuerySet:
        """Return the requests that a worker should process now, oldest first."""
        return super().due().filter(state__in=WAITING)


class WebhookRequest(Leased):
    """One accepted POST, its exact bytes, and its result.

    Picky Assist never sends an Event Webhook twice, so this row is the only copy.
    """

    personal: ClassVar[Masks] = dict.fromkeys(("body", "query", "error"), masking.hidden)

    token = models.UUIDField(_("token"), default=uuid.uuid4, editable=False)
    body = models.BinaryField(_("body"))
    content_type = UnicodeCharField(
        pgettext_lazy("header", "content type"), max_length=255, blank=True
    )
    content_encoding = UnicodeCharField(_("content encoding"), max_length=40, blank=True)
    query = UnicodeCharField(_("query string"), max_length=1000, blank=True)
    remote_addr = UnicodeCharField(_("remote address"), max_length=60, blank=True)
    secret_label = ExactCharField(_("secret label"), max_length=MAX_LABEL, blank=True)
    # The database has these defaults too, so that a server of the previous version can insert.
    origin = UnicodeCharField(
        _("origin"),
        max_length=10,
        choices=RequestOrigin.choices,
        default=RequestOrigin.WEBHOOK,
        db_default=RequestOrigin.WEBHOOK,
    )
    # Only of an answer that was pulled: the project of its push.
    project_id = ExactCharField(_("project ID"), blank=True, default="", db_default="")
    kind = UnicodeCharField(_("kind"), max_length=20, choices=EventKind.choices, blank=True)
    get_kind_display: Callable[[], str]
    state = UnicodeCharField(
        _("state"), max_length=20, choices=RequestState.choices, default=RequestState.RECEIVED
    )
    get_state_display: Callable[[], str]
    problems = models.JSONField(_("problems"), default=list, blank=True)
    warnings = models.JSONField(_("warnings"), default=list, blank=True)
    # The group of the first problem, without row positions: requests with the same form a group.
    problem = ExactCharField(_("problem"), null=True, blank=True, editable=False)
    event_count = models.PositiveIntegerField(_("events"), default=0)
    repeat_count = models.PositiveIntegerField(_("repeats"), default=0)
    problem_count = models.PositiveIntegerField(_("problem count"), default=0)
    replays = models.PositiveIntegerField(_("replays"), default=0)
    # Actions of people: dicts of time, person and action.
    history = models.JSONField(_("history"), default=list, blank=True)
    received_at = models.DateTimeField(_("received at"))
    processed_at = models.DateTimeField(_("processed at"), null=True, blank=True)
    # When it became done, quarantined or permanently failed.
    finished_at: Any = InstantField(_("finished at"), null=True, blank=True, editable=False)
    # The seconds that its slowest receivers took, by their names.
    receiver_seconds: Any = models.JSONField(_("receivers"), null=True, blank=True, editable=False)
    # When the body was emptied, because it contained someone's personal data.
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
            ("erase_personal_data", _("Can erase all data of a number")),
            ("view_webhook_url", _("Can see the webhook URL with its secret")),
        )
        constraints = (models.UniqueConstraint(fields=["token"], name="pickyassist_request_token"),)
        indexes = (
            models.Index(fields=["state", "due_at"], name="pickyassist_request_due"),
            models.Index(fields=["received_at"], name="pickyassist_request_received"),
            models.Index(fields=["state", "received_at"], name="pickyassist_request_state"),
            models.Index(fields=["secret_label", "received_at"], name="pickyassist_request_label"),
            SparseIndex(
                fields=["problem", "state", "received_at", "id"],
                rows=models.Q(problem__isnull=False),
                name="pickyassist_request_problem",
            ),
            SparseIndex(
                fields=["origin", "received_at", "id"],
                rows=models.Q(origin=RequestOrigin.TEST),
                name="pickyassist_request_test",
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_kind_display() or _('request')} {self.token}"

    @property
    def is_replay(self) -> bool:
        """Whether a person replayed this request."""
        return self.replays > 0

    @property
    def is_test(self) -> bool:
        """Whether a person posted this request as a test: its events are samples."""
        return self.origin == RequestOrigin.TEST

    def remember(self, who: str, what: str) -> None:
        """Add an action of a person to the history, with its time. Does not save."""
        connection = connections[self._state.db or DEFAULT_DB_ALIAS]
        entry = {
            "at": timezone.now().isoformat(timespec="seconds"),
            # A user of the project can have a number instead of a name.
            "by": holdable(storable(str(who))[:150], connection),
            "what": holdable(storable(what), connection),
        }
        self.history = [*self.history, entry][-MAX_HISTORY:]

    @property
    def duration(self) -> float | None:
        """The seconds from its arrival until it was finished, or ``None``."""
        return durations.until(self.finished_at, self.received_at)

    @property
    def outcome(self) -> RequestState:
        """The final state of this request once its signals are sent."""
        return outcome_of(self.event_count, self.repeat_count, self.problem_count)


def database_of_requests() -> str:
    """Return the alias of the database that this app uses."""
    return str(router.db_for_write(WebhookRequest))


def requests() -> WebhookRequestQuerySet:
    """Return all requests, from the database that the router returns for writes."""
    return WebhookRequest.objects.using(database_of_requests())


def outcome_of(events: int, repeats: int, problems: int) -> RequestState:
    """Return the final state of a request: quarantined if it has problems and nothing else."""
    is_valid = events or repeats or not problems
    return RequestState.DONE if is_valid else RequestState.QUARANTINED


# Columns with text from the sender, and the maximum length of each.
_TEXTS = {
    "content_type": 255,
    "content_encoding": 40,
    "query": 1000,
    "remote_addr": 60,
    "secret_label": MAX_LABEL,
}
