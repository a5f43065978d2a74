"""What became of one message."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from .. import keys, masking
from ..characters import visible
from ..choices import DeliveryStatus, progress
from ..masking import Masks
from .columns import ExactCharField, SparseIndex, build
from .events import fill_blanks
from .reports import DeliveryReport, DeliveryReportQuerySet

#: Rows with a receipt, and a failure or a refund.
_IN_CONFLICT = models.Q(delivered=True) & (models.Q(failed_seen=True) | models.Q(refunded=True))


class MessageQuerySet(models.QuerySet["Message"]):
    def for_reference(self, reference_number: str) -> MessageQuerySet:
        """Return the messages sent under this ``reference_number``, newest first."""
        return self.filter(reference_number=reference_number).order_by("-pk")

    def in_conflict(self) -> MessageQuerySet:
        """Return the messages for which both a receipt and a failure or refund were seen."""
        return self.filter(_IN_CONFLICT)


class Message(models.Model):
    """What became of one message, by all delivery reports that carry its ``msg_id``.

    The status only climbs (``choices.progress``), so any order of reports ends in the same one.
    The three facts stick once they are seen.
    """

    personal: ClassVar[Masks] = {"number": masking.number}

    key = ExactCharField(_("key"), max_length=keys.MAX_LENGTH, editable=False)
    project_id = ExactCharField(_("project id"), blank=True)
    msg_id = ExactCharField(_("message id"))
    push_id = ExactCharField(_("push id"), blank=True)
    number = ExactCharField(_("number"), blank=True)
    reference_number = ExactCharField(_("reference number"), blank=True)
    channel = ExactCharField(_("channel"), blank=True)
    status = models.BigIntegerField(_("status"), choices=DeliveryStatus.choices)
    get_status_display: Callable[[], str]
    first_reported_at = models.DateTimeField(_("first reported at"))
    changed_at = models.DateTimeField(_("status since"))
    delivered = models.BooleanField(_("receipt seen"), default=False)
    failed_seen = models.BooleanField(_("failure seen"), default=False)
    refunded = models.BooleanField(_("refund seen"), default=False)

    objects: ClassVar[MessageQuerySet] = MessageQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        constraints = (models.UniqueConstraint(fields=["key"], name="pickyassist_message_key"),)
        indexes = (
            models.Index(fields=["msg_id"], name="pickyassist_message_msg_id"),
            models.Index(fields=["number"], name="pickyassist_message_number"),
            models.Index(fields=["reference_number"], name="pickyassist_message_reference"),
            models.Index(fields=["push_id"], name="pickyassist_message_push_id"),
            models.Index(fields=["status", "first_reported_at"], name="pickyassist_message_status"),
            # The order of the list, and all that the rates of a period are made of.
            models.Index(
                fields=[
                    "first_reported_at",
                    "id",
                    "status",
                    "delivered",
                    "failed_seen",
                    "refunded",
                ],
                name="pickyassist_message_facts",
            ),
            SparseIndex(
                fields=["first_reported_at", "id"],
                rows=_IN_CONFLICT,
                name="pickyassist_message_conflict",
            ),
        )

    def __str__(self) -> str:
        return f"{visible(self.msg_id)}: {self.get_status_display()}"

    @property
    def conflict(self) -> bool:
        """Whether a receipt and a failure or refund were both seen: a person should look."""
        return self.delivered and (self.failed_seen or self.refunded)

    def reports(self) -> DeliveryReportQuerySet:
        """Return the history of this message, in the order in which its requests were kept."""
        same = {"project_id": self.project_id, "msg_id": self.msg_id}
        reports: DeliveryReportQuerySet = (
            DeliveryReport.objects.using(self._state.db).filter(**same).in_order()
        )
        return reports

    @classmethod
    def of(cls, report: DeliveryReport, key: str) -> Message:
        """Return a new message as its first report shows it."""
        values = {
            "key": key,
            "project_id": report.project_id,
            "msg_id": report.msg_id,
            "first_reported_at": report.received_at,
            "changed_at": report.received_at,
        }
        return build(cls, values)

    def absorb(self, report: DeliveryReport) -> bool:
        """Take over what ``report`` adds, and tell whether that changed anything."""
        before = dict(self.__dict__)
        fill_blanks(self, report, ("push_id", "number", "reference_number", "channel"))
        self.first_reported_at = min(self.first_reported_at, report.received_at)
        self.delivered |= report.status in (DeliveryStatus.DELIVERED, DeliveryStatus.READ)
        self.failed_seen |= report.status == DeliveryStatus.FAILED
        self.refunded |= report.status == DeliveryStatus.REFUNDED
        if progress(report.status) > progress(self.status):
            self.status = report.status
            self.changed_at = report.received_at
        return before != self.__dict__
