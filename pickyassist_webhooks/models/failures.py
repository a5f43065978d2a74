"""The receivers that failed, each on one event."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from .. import masking
from ..masking import Masks
from .requests import LEASE, WebhookRequest, database_of_requests, pause_after

#: The error of a receiver that was called and has not returned so far.
NEVER_RETURNED = "The worker that called it was lost, or is still waiting for it to return."


class ReceiverFailure(models.Model):
    """A receiver that raised on one event. It alone is called again; success deletes the row."""

    personal: ClassVar[Masks] = {"error": masking.hidden}

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
        indexes = (
            models.Index(fields=["receiver", "failed_at"], name="pickyassist_failure_receiver"),
        )

    def __str__(self) -> str:
        named = {"receiver": self.receiver, "signal": self.signal}
        return gettext("%(receiver)s on %(signal)s") % named

    @property
    def place(self) -> tuple[str, int | None, str]:
        """What was called, about which event."""
        return (self.signal, self.event_id, self.receiver)

    def note(self, database: str) -> None:
        """Save that this receiver is about to be called: if it never returns, this stays."""
        self.error = NEVER_RETURNED
        self.failed_at = timezone.now()
        self.due_at = pause_after(self.attempts, self.failed_at) + LEASE
        self.save(using=database)


def failures_of(pk: int) -> models.QuerySet[ReceiverFailure]:
    """Return the receivers that failed on a request and are not mended so far."""
    # Not by the request's own relation, for which a router may name a replica that lags behind.
    return ReceiverFailure.objects.using(database_of_requests()).filter(request=pk)
