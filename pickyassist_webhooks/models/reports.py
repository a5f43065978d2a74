"""Events 1 and 2: the status of a message, and whether a number is on WhatsApp."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django.db import models
from django.db.models import Case, Exists, F, OuterRef, Q, Value, When
from django.db.models.expressions import OrderBy
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from ..choices import REPORTED, DeliveryStatus, EventKind, FilterStatus, progress
from ..parsing.characters import visible
from . import keys, masking
from .columns import ExactCharField, UnicodeTextField
from .events import Event, EventQuerySet
from .masking import Masks
from .numbers import NumberKeyField


class Report(Event):
    """The fields that delivery and filter reports share."""

    push_id = ExactCharField(_("push ID"), blank=True)
    number = ExactCharField(_("number"), blank=True)
    number_key = NumberKeyField()
    msg_id = ExactCharField(_("message ID"), blank=True)
    reference_number = ExactCharField(_("reference number"), blank=True)
    error_code = ExactCharField(_("error code"), blank=True)
    error_message = UnicodeTextField(_("error message"), blank=True)
    status: Any
    get_status_display: Callable[[], str]

    personal: ClassVar[Masks] = Event.personal | {"error_message": masking.hidden}

    class Meta:
        abstract = True

    def natural_key(self) -> str:
        return keys.delivery_report(
            self.project_id, self.msg_id, self.push_id, self.number, self.status
        )


class DeliveryReportQuerySet(EventQuerySet["DeliveryReport"]):
    pass


class DeliveryReport(Report):
    """Event 1: a message was submitted, delivered, read, failed or refunded."""

    kind = EventKind.DELIVERY_REPORT
    identity = frozenset({"msg_id", "status", "previous_status"})
    personal: ClassVar[Masks] = Report.personal | {
        "message": masking.hidden,
        "media": masking.hidden,
    }

    status = models.BigIntegerField(_("status"), choices=REPORTED)
    # The status of the message before this report, null for the first. Stored, so that
    # message_status_changed can still be sent after a crash.
    previous_status = models.BigIntegerField(
        _("previous status"), choices=DeliveryStatus.choices, null=True, blank=True
    )
    message = UnicodeTextField(_("message"), blank=True)
    message_type = ExactCharField(_("message type"), blank=True)
    media = UnicodeTextField(_("media"), blank=True)
    channel = ExactCharField(_("channel"), blank=True)
    agent_id = ExactCharField(_("agent ID"), blank=True)
    template_id = ExactCharField(_("template ID"), blank=True)
    source = ExactCharField(_("source"), blank=True)

    objects: ClassVar[DeliveryReportQuerySet] = DeliveryReportQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("delivery report")
        verbose_name_plural = _("delivery reports")
        constraints = (models.UniqueConstraint(fields=["key"], name="pickyassist_delivery_key"),)
        indexes = (
            models.Index(fields=["msg_id"], name="pickyassist_delivery_msg_id"),
            models.Index(fields=["number_key"], name="pickyassist_delivery_number"),
            models.Index(fields=["reference_number"], name="pickyassist_delivery_ref"),
            models.Index(fields=["received_at"], name="pickyassist_delivery_received"),
            models.Index(fields=["status", "received_at"], name="pickyassist_delivery_status"),
        )

    def __str__(self) -> str:
        return f"{visible(self.msg_id or self.push_id)}: {self.get_status_display()}"

    @cached_property
    def message_key(self) -> str:
        """The key of the message of this report, or blank."""
        return keys.message(self.project_id, self.msg_id) if self.msg_id else ""

    @property
    def raised_status(self) -> bool:
        """Whether this report raised the status of its message."""
        return bool(self.msg_id) and progress(self.status) > progress(self.previous_status)


#: The condition for a verdict that is not "unknown".
_DEFINITE = Q(status__in=[FilterStatus.ON_WHATSAPP, FilterStatus.NOT_ON_WHATSAPP])


class FilterReportQuerySet(EventQuerySet["FilterReport"]):
    def verdicts(self) -> FilterReportQuerySet:
        """Return the current verdict for each number of each project.

        A definite verdict beats "unknown"; of several, the one that arrived last wins.
        """
        definite = Case(
            When(_DEFINITE, then=Value(1)), default=Value(0), output_field=models.IntegerField()
        )
        verdicts: FilterReportQuerySet = self.exclude(number="")._first_of_each(
            F("project_id"),
            F("number_key"),
            order_by=[OrderBy(definite, descending=True), F("arrival").desc(), F("index").desc()],
        )
        return verdicts

    def standing(self) -> FilterReportQuerySet:
        """Return those of these reports that are the current verdict of their number.

        All reports of the number count. Fast for a page of rows, as each reads its number only.
        """
        number = {name: OuterRef(name) for name in ("project_id", "number_key")}
        others = FilterReport.objects.using(self.db).filter(**number)
        is_later = Q(arrival__gt=OuterRef("arrival")) | Q(
            arrival=OuterRef("arrival"), index__gt=OuterRef("index")
        )
        if_definite = _DEFINITE & ~Exists(others.filter(_DEFINITE, is_later))
        if_unknown = ~_DEFINITE & ~Exists(others.filter(_DEFINITE | is_later))
        # By the key, which has an index: it is blank if the number is.
        return self.filter(if_definite | if_unknown, number_key__gt="")


class FilterReport(Report):
    """Event 2: whether a number is on WhatsApp."""

    kind = EventKind.FILTER_REPORT
    identity = frozenset({"msg_id", "status"})

    status = models.BigIntegerField(_("status"), choices=FilterStatus.choices)

    objects: ClassVar[FilterReportQuerySet] = FilterReportQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("filter report")
        verbose_name_plural = _("filter reports")
        constraints = (models.UniqueConstraint(fields=["key"], name="pickyassist_filter_key"),)
        indexes = (
            models.Index(fields=["msg_id"], name="pickyassist_filter_msg_id"),
            models.Index(fields=["number_key"], name="pickyassist_filter_number"),
            models.Index(fields=["reference_number"], name="pickyassist_filter_ref"),
            models.Index(fields=["received_at"], name="pickyassist_filter_received"),
            models.Index(fields=["status", "received_at"], name="pickyassist_filter_status"),
        )

    def __str__(self) -> str:
        return f"{visible(self.msg_id or self.push_id)}: {self.get_status_display()}"
