"""The receivers that failed, one row for each event: the queue of calls to make again."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models.functions import Coalesce
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from . import masking
from .columns import ExactCharField, InstantField, UnicodeCharField, UnicodeTextField
from .leases import Leased, LeasedQuerySet
from .masking import Masks
from .requests import WebhookRequest, database_of_requests

#: The text that replaces a traceback with personal data.
ERASED = "Erased."

#: The error of a receiver call that is in flight, or was when its worker crashed.
NEVER_RETURNED = "The worker crashed during this call, or is still waiting for it to return."

#: When a call failed first: right after its request was stored. Its own moment is that of the last
#: attempt.
FAILED_SINCE = Coalesce("request__processed_at", "failed_at")


class ReceiverFailure(Leased):
    """A receiver that raised on one event. Only it is called again; success deletes the row."""

    personal: ClassVar[Masks] = {"error": masking.hidden}

    request = models.ForeignKey(
        WebhookRequest, models.CASCADE, related_name="receiver_failures", verbose_name=_("request")
    )
    signal = UnicodeCharField(_("signal"), max_length=40)
    event_id = models.PositiveBigIntegerField(_("event ID"), null=True, blank=True)
    receiver = UnicodeCharField(_("receiver"), max_length=255)
    attempts = models.PositiveIntegerField(_("attempts"), default=1)
    failed_at = models.DateTimeField(_("failed at"))
    # Null if no attempts are left.
    due_at: Any = InstantField(_("due at"), null=True, blank=True)
    error = UnicodeTextField(_("error"))
    # The class of the exception, as a traceback names it; blank if the worker crashed.
    exception = ExactCharField(_("exception"), blank=True, default="", db_default="")

    objects: ClassVar[LeasedQuerySet[ReceiverFailure]] = LeasedQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("receiver failure")
        verbose_name_plural = _("receiver failures")
        indexes = (
            models.Index(fields=["receiver", "failed_at"], name="pickyassist_failure_receiver"),
            models.Index(fields=["receiver", "exception", "id"], name="pickyassist_failure_class"),
            models.Index(fields=["failed_at"], name="pickyassist_failure_time"),
            models.Index(fields=["due_at"], name="pickyassist_failure_due"),
        )

    def __str__(self) -> str:
        names = {"receiver": self.receiver, "signal": self.signal}
        return gettext("%(receiver)s on %(signal)s") % names

    @property
    def signal_call(self) -> tuple[str, int | None, str]:
        """The signal, event and receiver of this call."""
        return (self.signal, self.event_id, self.receiver)


def failures() -> LeasedQuerySet[ReceiverFailure]:
    """Return all calls that failed, from the database that the router returns for writes."""
    return ReceiverFailure.objects.using(database_of_requests())


def failures_of(pk: int) -> LeasedQuerySet[ReceiverFailure]:
    """Return the receivers that failed on a request and have not succeeded since."""
    # Not by the request's own relation: a router can send that to a replica that lags behind.
    return failures().filter(request=pk)
