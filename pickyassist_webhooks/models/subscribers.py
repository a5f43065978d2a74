"""Event 4: new subscribers, who wrote to the project for the first time."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Case, F, Value, When
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ..choices import EventKind
from ..parsing.characters import visible
from . import keys, masking
from .columns import ExactCharField, UnicodeCharField, UnicodeTextField
from .events import Event, EventQuerySet
from .masking import Masks
from .numbers import NumberKeyField


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
    """Event 4: someone wrote to one of the project's channels for the first time."""

    kind = EventKind.NEW_SUBSCRIBER
    identity = frozenset({"subscriber_id", "channel", "date", "date_text"})
    personal: ClassVar[Masks] = Event.personal | dict.fromkeys(
        ("name", "email", "profile_pic", "message"), masking.hidden
    )

    subscriber_id = ExactCharField(_("subscriber ID"), blank=True)
    number = ExactCharField(_("number"), blank=True)
    number_key = NumberKeyField()
    name = UnicodeCharField(_("name"), max_length=255, blank=True)
    # Stored as sent: no validation, and text instead of links.
    email = UnicodeCharField(_("email"), max_length=255, blank=True)
    profile_pic = UnicodeTextField(_("profile picture"), blank=True)
    channel = ExactCharField(_("channel"), blank=True)
    message = UnicodeTextField(_("message"), blank=True)
    date = models.DateTimeField(_("date"), null=True, blank=True)
    date_text = UnicodeCharField(_("date as sent"), max_length=255, blank=True)

    objects: ClassVar[NewSubscriberQuerySet] = NewSubscriberQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("new subscriber")
        verbose_name_plural = _("new subscribers")
        constraints = (models.UniqueConstraint(fields=["key"], name="pickyassist_subscriber_key"),)
        indexes = (
            models.Index(fields=["subscriber_id"], name="pickyassist_subscriber_id"),
            models.Index(fields=["number_key"], name="pickyassist_subscriber_number"),
            models.Index(fields=["received_at"], name="pickyassist_subscriber_time"),
            models.Index(fields=["channel", "received_at"], name="pickyassist_subscriber_channel"),
        )

    def __str__(self) -> str:
        name = visible(self.subscriber_id) or self.pk
        return gettext("subscriber %(name)s") % {"name": name}

    def natural_key(self) -> str:
        return keys.new_subscriber(
            self.project_id, self.subscriber_id, self.number, self.channel, self.date_text
        )
