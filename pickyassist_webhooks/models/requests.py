"""What came in: one row for each accepted POST, and the receivers that failed on it."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.db import models, router, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ..characters import MAX_LABEL, printable
from ..choices import UNFINISHED, EventKind, RequestState
from .columns import ExactCharField


class WebhookRequestQuerySet(models.QuerySet["WebhookRequest"]):
    def keep(
        self,
        body: bytes,
        *,
        content_type: str = "",
        content_encoding: str = "",
        query: str = "",
        remote_addr: str = "",
        secret_label: str = "",
        lease: timedelta | None = None,
    ) -> WebhookRequest:
        """Commit the bytes of one request and return its row, claimed for ``lease`` if given.

        Raises ``RuntimeError`` inside of a transaction, because then nothing is committed yet
        when this returns, and whatever the database raises.
        """
        now = timezone.now()
        request = WebhookRequest(
            body=body,
            content_type=printable(content_type),
            content_encoding=printable(content_encoding, 40),
            query=printable(query, 1000),
            remote_addr=printable(remote_addr, 60),
            secret_label=printable(secret_label, MAX_LABEL),
            received_at=now,
            due_at=now + lease if lease else now,
            attempts=1 if lease else 0,
        )
        database = database_of_requests()
        if transaction.get_connection(database).in_atomic_block:
            with transaction.atomic(using=database, durable=True):
                request.save(using=database, force_insert=True)
        else:
            request.save(using=database, force_insert=True)  # commits by itself
        return request

    def due(self) -> WebhookRequestQuerySet:
        """Return the requests a worker should take up now, oldest first."""
        return self.filter(state__in=UNFINISHED, due_at__lte=timezone.now()).order_by("pk")

    def claim(self, pk: int, lease: timedelta) -> WebhookRequest | None:
        """Claim a due request for ``lease``, or return ``None`` where it is not due.

        One conditional UPDATE, so that of several workers one gets it.
        """
        due_at = timezone.now() + lease
        claimed = (
            self.due()
            .filter(pk=pk)
            .order_by()
            .update(due_at=due_at, attempts=models.F("attempts") + 1)
        )
        return self.get(pk=pk) if claimed else None


class WebhookRequest(models.Model):
    """One accepted POST, its exact bytes, and what became of it.

    Picky Assist never sends an Event Webhook twice, so this row is the only copy there is.
    """

    token = models.UUIDField(_("token"), default=uuid.uuid4, editable=False)
    body = models.BinaryField(_("body"))
    content_type = models.CharField(_("content type"), max_length=255, blank=True)
    content_encoding = models.CharField(_("content encoding"), max_length=40, blank=True)
    query = models.CharField(_("query string"), max_length=1000, blank=True)
    remote_addr = models.CharField(_("remote address"), max_length=60, blank=True)
    secret_label = ExactCharField(_("secret label"), max_length=MAX_LABEL, blank=True)
    kind = models.CharField(_("kind"), max_length=20, choices=EventKind.choices, blank=True)
    state = models.CharField(
        _("state"), max_length=20, choices=RequestState.choices, default=RequestState.RECEIVED
    )
    problems = models.JSONField(_("problems"), default=list, blank=True)
    warnings = models.JSONField(_("warnings"), default=list, blank=True)
    event_count = models.PositiveIntegerField(_("events"), default=0)
    repeat_count = models.PositiveIntegerField(_("repeats"), default=0)
    problem_count = models.PositiveIntegerField(_("problems counted"), default=0)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    replays = models.PositiveIntegerField(_("replays"), default=0)
    error = models.TextField(_("last error"), blank=True)
    # Until then a worker holds the row, or it rests after a failure.
    due_at = models.DateTimeField(_("due at"))
    received_at = models.DateTimeField(_("received at"))
    processed_at = models.DateTimeField(_("processed at"), null=True, blank=True)

    objects = WebhookRequestQuerySet.as_manager()

    class Meta:
        verbose_name = _("webhook request")
        verbose_name_plural = _("webhook requests")
        permissions = (("replay_webhookrequest", _("Can process a webhook request again")),)
        constraints = (models.UniqueConstraint(fields=["token"], name="pickyassist_request_token"),)
        indexes = (
            models.Index(fields=["state", "due_at"], name="pickyassist_request_due"),
            models.Index(fields=["received_at"], name="pickyassist_request_received"),
        )

    def __str__(self) -> str:
        return f"{self.get_kind_display() or _('request')} {self.token}"

    @property
    def is_replay(self) -> bool:
        """Whether a person has had this request processed again."""
        return self.replays > 0

    def held(self) -> WebhookRequestQuerySet:
        """Return this row while the lease taken by this worker stands, else nothing."""
        requests = WebhookRequest.objects.using(self._state.db)
        return requests.filter(pk=self.pk, due_at=self.due_at)

    @property
    def outcome(self) -> RequestState:
        """The state in which this request ends once its signals are sent."""
        return outcome_of(self.event_count, self.repeat_count, self.problem_count)


class ReceiverFailure(models.Model):
    """A receiver that raised on one event. It alone is called again; success deletes the row."""

    request = models.ForeignKey(
        WebhookRequest, models.CASCADE, related_name="receiver_failures", verbose_name=_("request")
    )
    signal = models.CharField(_("signal"), max_length=40)
    event_id = models.PositiveBigIntegerField(_("event id"), null=True, blank=True)
    receiver = models.CharField(_("receiver"), max_length=255)
    attempts = models.PositiveIntegerField(_("attempts"), default=1)
    failed_at = models.DateTimeField(_("failed at"))
    # Null where the attempts are used up.
    due_at = models.DateTimeField(_("due at"), null=True, blank=True)
    error = models.TextField(_("error"))

    class Meta:
        verbose_name = _("receiver failure")
        verbose_name_plural = _("receiver failures")

    def __str__(self) -> str:
        return f"{self.receiver} on {self.signal}"


def database_of_requests() -> str:
    """Return the alias of the database in which everything of this app happens."""
    return str(router.db_for_write(WebhookRequest))


def held_by_worker(now: datetime, lease: timedelta) -> models.Q:
    """Return the condition for requests a worker is processing, rather than resting for longer."""
    started = models.Q(state__in=(RequestState.RECEIVED, RequestState.STORED), attempts__gt=0)
    return started & models.Q(due_at__gt=now, due_at__lte=now + lease)


def outcome_of(events: int, repeats: int, problems: int) -> RequestState:
    """Return where a request ends: quarantined if there were problems and nothing else."""
    understood = events or repeats or not problems
    return RequestState.DONE if understood else RequestState.QUARANTINED


def pause_after(attempts: int, now: datetime) -> datetime:
    """Return when to try again after so many failures: 30 seconds, growing fourfold to 6 hours."""
    seconds = min(30 * 4 ** (attempts - 1), 6 * 3600)
    return now + timedelta(seconds=seconds)
