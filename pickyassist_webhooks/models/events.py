"""The four events, one model for each kind."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, TypeVar

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models.expressions import Case, F, OrderBy, Value, When, Window
from django.db.models.functions import RowNumber
from django.utils.translation import gettext_lazy as _

from .. import keys
from ..choices import DeliveryStatus, EventKind, FilterStatus, GroupAction, progress
from .columns import ExactCharField
from .requests import WebhookRequest

Row = TypeVar("Row", bound=models.Model)


def fill_blanks(row: models.Model, other: models.Model, names: Iterable[str]) -> bool:
    """Fill the blanks of ``row`` from ``other`` and tell whether there were any to fill.

    The first value that came stays, and a blank never erases.
    """
    filled = False
    for name in names:
        if getattr(row, name) in ("", None) and getattr(other, name) not in ("", None):
            setattr(row, name, getattr(other, name))
            filled = True
    return filled


class EventQuerySet(models.QuerySet[Row]):
    def in_order(self) -> Any:
        """Return the events in the order in which their requests were kept, then by place."""
        return self.order_by("arrival", "index")

    def _first_of_each(self, *partition: Any, order_by: Iterable[Any]) -> Any:
        """Return the row that comes first within each partition of the rows selected so far."""
        place = Window(RowNumber(), partition_by=list(partition), order_by=list(order_by))
        first = self.order_by().annotate(place=place).filter(place=1)
        return self.model._default_manager.using(self.db).filter(pk__in=first.values("pk"))


class Event(models.Model):
    """What every event has. Events outlive the request they came in."""

    kind: ClassVar[EventKind]
    #: Fields that a repeat with more in it may fill.
    fillable: ClassVar[tuple[str, ...]]

    key = ExactCharField(_("key"), max_length=keys.MAX_LENGTH, editable=False)
    project_id = ExactCharField(_("project id"), blank=True)
    request = models.ForeignKey(
        WebhookRequest,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="%(class)ss",
        verbose_name=_("request"),
    )
    index = models.PositiveIntegerField(_("place in the batch"))
    # The id of the request this event was first seen in: its place among all that were kept,
    # which no clock can turn back and pruning the request does not take away.
    arrival = models.PositiveBigIntegerField(_("arrival"), editable=False)
    received_at = models.DateTimeField(_("received at"))
    extra = models.JSONField(_("extra"), default=dict, blank=True, encoder=DjangoJSONEncoder)

    class Meta:
        abstract = True

    def natural_key(self) -> str:
        """Return what makes this event the same event whenever it comes again."""
        raise NotImplementedError

    def fill_from(self, other: Event) -> bool:
        """Fill the blanks of this row from a repeat of it, and tell whether that changed it."""
        filled = fill_blanks(self, other, self.fillable)
        new = {name: value for name, value in other.extra.items() if name not in self.extra}
        if new:
            self.extra = self.extra | new
        earlier = other.arrival < self.arrival
        self.arrival = min(self.arrival, other.arrival)
        return bool(filled or new or earlier)


class Report(Event):
    """What delivery and filter reports share."""

    push_id = ExactCharField(_("push id"), blank=True)
    number = ExactCharField(_("number"), blank=True)
    msg_id = ExactCharField(_("message id"), blank=True)
    reference_number = ExactCharField(_("reference number"), blank=True)
    error_code = ExactCharField(_("error code"), blank=True)
    error_message = models.TextField(_("error message"), blank=True)
    status: Any

    class Meta:
        abstract = True

    def natural_key(self) -> str:
        return keys.delivery_report(
            self.project_id, self.msg_id, self.push_id, self.number, self.status
        )


_REPORT_FIELDS = ("push_id", "number", "reference_number", "error_code", "error_message")


class DeliveryReportQuerySet(EventQuerySet["DeliveryReport"]):
    pass


class DeliveryReport(Report):
    """Event 1: a message was submitted, delivered, read, failed or refunded."""

    kind = EventKind.DELIVERY_REPORT
    fillable = (
        *_REPORT_FIELDS,
        "message",
        "message_type",
        "media",
        "channel",
        "agent_id",
        "template_id",
        "source",
    )

    status = models.BigIntegerField(_("status"), choices=DeliveryStatus.choices)
    # The status of the message before this report, null for its first one. Kept, so that
    # message_status_changed can still be sent after a crash.
    previous_status = models.BigIntegerField(
        _("previous status"), choices=DeliveryStatus.choices, null=True, blank=True
    )
    message = models.TextField(_("message"), blank=True)
    message_type = ExactCharField(_("message type"), blank=True)
    media = models.TextField(_("media"), blank=True)
    channel = ExactCharField(_("channel"), blank=True)
    agent_id = ExactCharField(_("agent id"), blank=True)
    template_id = ExactCharField(_("template id"), blank=True)
    source = ExactCharField(_("source"), blank=True)

    objects = DeliveryReportQuerySet.as_manager()

    class Meta:
        verbose_name = _("delivery report")
        verbose_name_plural = _("delivery reports")
        constraints = (models.UniqueConstraint(fields=["key"], name="pickyassist_delivery_key"),)
        indexes = (
            models.Index(fields=["msg_id"], name="pickyassist_delivery_msg_id"),
            models.Index(fields=["number"], name="pickyassist_delivery_number"),
            models.Index(fields=["reference_number"], name="pickyassist_delivery_ref"),
            models.Index(fields=["received_at"], name="pickyassist_delivery_received"),
        )

    def __str__(self) -> str:
        return f"{self.msg_id or self.push_id}: {self.get_status_display()}"

    @property
    def raised_status(self) -> bool:
        """Whether this report really raised the status of its message."""
        return bool(self.msg_id) and progress(self.status) > progress(self.previous_status)


class FilterReportQuerySet(EventQuerySet["FilterReport"]):
    def verdicts(self) -> FilterReportQuerySet:
        """Return the standing verdict of each number of each project.

        A definite answer beats "unknown"; among definite ones the newest first-seen one wins.
        """
        definite = Case(
            When(
                status__in=[FilterStatus.ON_WHATSAPP, FilterStatus.NOT_ON_WHATSAPP], then=Value(1)
            ),
            default=Value(0),
            output_field=models.IntegerField(),
        )
        verdicts: FilterReportQuerySet = self.exclude(number="")._first_of_each(
            F("project_id"),
            F("number"),
            order_by=[OrderBy(definite, descending=True), F("arrival").desc(), F("index").desc()],
        )
        return verdicts


class FilterReport(Report):
    """Event 2: whether a number is on WhatsApp."""

    kind = EventKind.FILTER_REPORT
    fillable = _REPORT_FIELDS

    status = models.BigIntegerField(_("status"), choices=FilterStatus.choices)

    objects = FilterReportQuerySet.as_manager()

    class Meta:
        verbose_name = _("filter report")
        verbose_name_plural = _("filter reports")
        constraints = (models.UniqueConstraint(fields=["key"], name="pickyassist_filter_key"),)
        indexes = (
            models.Index(fields=["msg_id"], name="pickyassist_filter_msg_id"),
            models.Index(fields=["number"], name="pickyassist_filter_number"),
            models.Index(fields=["reference_number"], name="pickyassist_filter_ref"),
            models.Index(fields=["received_at"], name="pickyassist_filter_received"),
        )

    def __str__(self) -> str:
        return f"{self.msg_id or self.push_id}: {self.get_status_display()}"


class GroupMemberEventQuerySet(EventQuerySet["GroupMemberEvent"]):
    def members_of(self, group_id: str, project_id: str | None = None) -> GroupMemberEventQuerySet:
        """Return the joins of those who are in the group now; an unknown action changes nothing."""
        events = self.filter(group_id=group_id, action__in=GroupAction.values)
        if project_id is not None:
            events = events.filter(project_id=project_id)
        latest: GroupMemberEventQuerySet = events._first_of_each(
            F("project_id"),
            F("number"),
            order_by=[F("last_arrival").desc(), F("index").desc()],
        )
        return latest.filter(action=GroupAction.JOINED)


class GroupMemberEvent(Event):
    """Event 3: somebody joined or left a WhatsApp group."""

    kind = EventKind.GROUP_MEMBER
    fillable = ("group_subject", "channel")

    action = models.BigIntegerField(_("action"), choices=GroupAction.choices)
    group_id = ExactCharField(_("group id"))
    group_subject = models.CharField(_("group subject"), max_length=255, blank=True)
    number = ExactCharField(_("number"))
    channel = ExactCharField(_("channel"), blank=True)
    # The how-manieth event of this member of this group; part of the key.
    ordinal = models.PositiveIntegerField(_("ordinal"), editable=False)
    # The arrival of the last repeat of this event: where workers were faster than the order in
    # which requests came, the standing fact still follows that order.
    last_arrival = models.PositiveBigIntegerField(_("last arrival"), editable=False)

    objects = GroupMemberEventQuerySet.as_manager()

    class Meta:
        verbose_name = _("group member event")
        verbose_name_plural = _("group member events")
        constraints = (models.UniqueConstraint(fields=["key"], name="pickyassist_group_key"),)
        indexes = (
            models.Index(fields=["group_id", "number"], name="pickyassist_group_member"),
            models.Index(fields=["number"], name="pickyassist_group_number"),
            models.Index(fields=["received_at"], name="pickyassist_group_received"),
        )

    def __str__(self) -> str:
        return f"{self.group_id}: {self.get_action_display()}"

    def natural_key(self) -> str:
        return keys.group_member(self.project_id, self.group_id, self.number, self.ordinal)

    def fill_from(self, other: Event) -> bool:
        changed = super().fill_from(other)
        later = other.arrival > self.last_arrival
        self.last_arrival = max(self.last_arrival, other.arrival)
        return changed or later


class NewSubscriberQuerySet(EventQuerySet["NewSubscriber"]):
    def current(self) -> NewSubscriberQuerySet:
        """Return the newest row, by the vendor's ``date``, of each subscriber of each project."""
        number = Case(When(subscriber_id="", then=F("number")), default=Value(""))
        current: NewSubscriberQuerySet = self._first_of_each(
            F("project_id"),
            F("subscriber_id"),
            number,
            order_by=[
                F("date").desc(nulls_last=True),
                F("arrival").desc(),
                F("index").desc(),
            ],
        )
        return current


class NewSubscriber(Event):
    """Event 4: somebody wrote to one of the project's channels for the first time."""

    kind = EventKind.NEW_SUBSCRIBER
    fillable = ("number", "name", "email", "profile_pic", "message")

    subscriber_id = ExactCharField(_("subscriber id"), blank=True)
    number = ExactCharField(_("number"), blank=True)
    name = models.CharField(_("name"), max_length=255, blank=True)
    # Whatever came, so no validation, and text rather than links.
    email = models.CharField(_("email"), max_length=255, blank=True)
    profile_pic = models.TextField(_("profile picture"), blank=True)
    channel = ExactCharField(_("channel"), blank=True)
    message = models.TextField(_("message"), blank=True)
    date = models.DateTimeField(_("date"), null=True, blank=True)
    date_text = models.CharField(_("date as sent"), max_length=255, blank=True)

    objects = NewSubscriberQuerySet.as_manager()

    class Meta:
        verbose_name = _("new subscriber")
        verbose_name_plural = _("new subscribers")
        constraints = (models.UniqueConstraint(fields=["key"], name="pickyassist_subscriber_key"),)
        indexes = (
            models.Index(fields=["subscriber_id"], name="pickyassist_subscriber_id"),
            models.Index(fields=["number"], name="pickyassist_subscriber_number"),
            models.Index(fields=["received_at"], name="pickyassist_subscriber_time"),
        )

    def __str__(self) -> str:
        return f"subscriber {self.subscriber_id or self.pk}"

    def natural_key(self) -> str:
        return keys.new_subscriber(
            self.project_id, self.subscriber_id, self.number, self.channel, self.date_text
        )
