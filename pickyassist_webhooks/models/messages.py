"""The current state of messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from ..choices import DeliveryStatus, progress
from ..parsing.characters import visible
from ..parsing.errors import group_of
from . import keys, masking
from .chat import ChatMessage, ChatMessageQuerySet
from .columns import ExactCharField, SparseIndex, UnicodeTextField, build
from .events import fill_blanks
from .masking import Masks
from .numbers import CountryField, NumberKeyField, of_number
from .reports import DeliveryReport, DeliveryReportQuerySet

#: Messages reported as delivered, and also as failed or refunded.
_IN_CONFLICT = models.Q(delivered=True) & (models.Q(failed_seen=True) | models.Q(refunded=True))

#: Messages with an error. SQLite uses an index of them only if a query has these very words.
WITH_ERROR = models.Q(error_group__isnull=False)

#: Statuses whose reports name no error that counts: all went well.
_WITHOUT_ERROR = (DeliveryStatus.SUBMITTED, DeliveryStatus.DELIVERED, DeliveryStatus.READ)

#: Characters of an error message that a message keeps; its report has all of them.
MAX_ERROR = 1000


class MessageQuerySet(models.QuerySet["Message"]):
    def for_reference(self, reference_number: str) -> MessageQuerySet:
        """Return the messages sent under this ``reference_number``, newest first."""
        return self.filter(reference_number=reference_number).order_by("-pk")

    def for_number(self, number: str) -> MessageQuerySet:
        """Return the messages to this full number, in any usual format, newest first.

        A text that is not clearly a number must match exactly.
        """
        return self.filter(of_number(number)).order_by("-pk")

    def in_conflict(self) -> MessageQuerySet:
        """Return the messages reported as delivered, and also as failed or refunded."""
        return self.filter(_IN_CONFLICT)

    def with_error(self, code: str) -> MessageQuerySet:
        """Return the messages with this error code; a blank code: with an error without a code."""
        return self.filter(WITH_ERROR, error_code=code)


class Message(models.Model):
    """The current state of one message, from all delivery reports with its ``msg_id``.

    The status only climbs (``choices.progress``), so each order of reports gives the same status.
    It begins with *accepted* if the push was recorded before the first report.
    The three flags stay set once reported. The error is that of the report with the highest status
    among those that name one and are no *submitted*, *delivered* or *read*; a receipt keeps it.
    """

    personal: ClassVar[Masks] = {
        "number": masking.number,
        "number_key": masking.hidden,
        "error_message": masking.hidden,
        "error_group": masking.hidden,
    }

    key = ExactCharField(_("key"), max_length=keys.MAX_LENGTH, editable=False)
    project_id = ExactCharField(_("project ID"), blank=True)
    msg_id = ExactCharField(_("message ID"))
    push_id = ExactCharField(_("push ID"), blank=True)
    number = ExactCharField(_("number"), blank=True)
    number_key = NumberKeyField()
    country = CountryField(default="", db_default="")
    reference_number = ExactCharField(_("reference number"), blank=True)
    channel = ExactCharField(_("channel"), blank=True)
    status = models.BigIntegerField(_("status"), choices=DeliveryStatus.choices)
    get_status_display: Callable[[], str]
    first_reported_at = models.DateTimeField(_("first reported at"))
    changed_at = models.DateTimeField(_("status since"))
    delivered = models.BooleanField(_("delivery reported"), default=False)
    failed_seen = models.BooleanField(_("failure reported"), default=False)
    refunded = models.BooleanField(_("refund reported"), default=False)
    error_code = ExactCharField(_("error code"), blank=True, default="", db_default="")
    error_message = UnicodeTextField(_("error message"), blank=True, default="", db_default="")
    # The status of the report with this error. Both are null without an error.
    error_status = models.BigIntegerField(
        _("status of the error"), null=True, blank=True, editable=False
    )
    # The code, and the text without numbers.
    error_group = ExactCharField(_("kind of error"), null=True, blank=True, editable=False)

    objects: ClassVar[MessageQuerySet] = MessageQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        constraints = (models.UniqueConstraint(fields=["key"], name="pickyassist_message_key"),)
        indexes = (
            models.Index(fields=["msg_id"], name="pickyassist_message_msg_id"),
            models.Index(fields=["number_key"], name="pickyassist_message_number"),
            models.Index(fields=["reference_number"], name="pickyassist_message_reference"),
            models.Index(fields=["push_id"], name="pickyassist_message_push_id"),
            models.Index(fields=["status", "first_reported_at"], name="pickyassist_message_status"),
            # The order of the list, and all columns for the rates of a period.
            models.Index(
                fields=[
                    "first_reported_at",
                    "id",
                    "status",
                    "delivered",
                    "failed_seen",
                    "refunded",
                    "country",
                    "channel",
                ],
                name="pickyassist_message_facts",
            ),
            models.Index(
                fields=["country", "first_reported_at", "id", "status"],
                name="pickyassist_message_country",
            ),
            models.Index(
                fields=["channel", "first_reported_at", "id", "status"],
                name="pickyassist_message_channel",
            ),
            SparseIndex(
                fields=["first_reported_at", "id"],
                rows=_IN_CONFLICT,
                name="pickyassist_message_conflict",
            ),
            SparseIndex(
                fields=["error_code", "first_reported_at", "id"],
                rows=WITH_ERROR,
                name="pickyassist_message_error_code",
            ),
            SparseIndex(
                fields=["error_group", "first_reported_at", "id"],
                rows=WITH_ERROR,
                name="pickyassist_message_error",
            ),
        )

    def __str__(self) -> str:
        return f"{visible(self.msg_id)}: {self.get_status_display()}"

    @property
    def conflict(self) -> bool:
        """Whether a delivery and also a failure or refund were reported: a person should look."""
        return self.delivered and (self.failed_seen or self.refunded)

    def reports(self) -> DeliveryReportQuerySet:
        """Return the history of this message, in the order of its requests."""
        identity = {"project_id": self.project_id, "msg_id": self.msg_id}
        reports: DeliveryReportQuerySet = (
            DeliveryReport.objects.using(self._state.db).filter(**identity).in_order()
        )
        return reports

    def replies(self) -> ChatMessageQuerySet:
        """Return the chat messages that answer or quote this one, in the order they came."""
        identity = {"project_id": self.project_id, "context_msg_id": self.msg_id}
        return ChatMessage.objects.using(self._state.db).filter(**identity).in_order()

    @classmethod
    def of(cls, report: DeliveryReport, key: str) -> Message:
        """Return a new message for its first report."""
        values = {
            "key": key,
            "project_id": report.project_id,
            "msg_id": report.msg_id,
            "first_reported_at": report.received_at,
            "changed_at": report.received_at,
        }
        return build(cls, values)

    def absorb(self, report: DeliveryReport) -> bool:
        """Add the new facts of ``report``, and return whether anything changed."""
        before = dict(self.__dict__)
        fill_blanks(self, report, ("push_id", "number", "reference_number", "channel"))
        self.first_reported_at = min(self.first_reported_at, report.received_at)
        self.delivered |= report.status in (DeliveryStatus.DELIVERED, DeliveryStatus.READ)
        self.failed_seen |= report.status == DeliveryStatus.FAILED
        self.refunded |= report.status == DeliveryStatus.REFUNDED
        if progress(report.status) > progress(self.status):
            self.status = report.status
            self.changed_at = report.received_at
        if report.status not in _WITHOUT_ERROR and (report.error_code or report.error_message):
            self.absorb_error(report.status, report.error_code, report.error_message)
        return before != self.__dict__

    def absorb_error(self, status: int, code: str, text: str) -> None:
        """Take over the error of a report, unless one with a higher status has named another.

        A report of the same status is a repeat, which only fills blanks. So the error is that of
        the stored report, in any order of arrival.
        """
        if progress(status) > progress(self.error_status):
            self.error_status, self.error_code, self.error_message = status, "", ""
        elif status != self.error_status:
            return
        self.error_code = self.error_code or code
        self.error_message = self.error_message or text[:MAX_ERROR]
        self.error_group = group_of(self.error_code, self.error_message)
