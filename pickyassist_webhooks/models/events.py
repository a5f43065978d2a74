"""The base of all events."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models.expressions import Window
from django.db.models.functions import RowNumber
from django.utils.translation import gettext_lazy as _

from ..choices import EventKind
from . import keys, masking
from .columns import ExactCharField, Row
from .masking import Masks
from .numbers import of_number
from .requests import WebhookRequest

if TYPE_CHECKING:
    from typing_extensions import Self


_BLANK: tuple[Any, ...] = ("", None, [], {})


def fill_blanks(row: models.Model, other: models.Model, names: Iterable[str]) -> bool:
    """Fill the blanks of ``row`` from ``other``, and return whether one was filled.

    The first value stays, and a blank never replaces it.
    """
    filled = False
    for name in names:
        if getattr(row, name) in _BLANK and getattr(other, name) not in _BLANK:
            setattr(row, name, getattr(other, name))
            filled = True
    return filled


class EventQuerySet(models.QuerySet[Row]):
    def in_order(self) -> Self:
        """Return the events in the order of their requests, then by position."""
        return self.order_by("arrival", "index")

    def for_number(self, number: str) -> Self:
        """Return the events of this full number, in any usual format.

        A text that is not clearly a number must match exactly.
        """
        return self.filter(of_number(number))

    def _first_of_each(self, *partition: Any, order_by: Iterable[Any]) -> Any:
        """Return the first row of each partition of the rows selected so far."""
        position = Window(RowNumber(), partition_by=list(partition), order_by=list(order_by))
        first = self.order_by().annotate(position=position).filter(position=1)
        return self.model._default_manager.using(self.db).filter(pk__in=first.values("pk"))


class Event(models.Model):
    """The fields of every event. Events outlive their request."""

    kind: ClassVar[EventKind]
    #: Fields that tell this event from others; a repeat may fill the blanks of all other fields.
    identity: ClassVar[frozenset[str]]
    #: Fields with personal data, and their masks for people without permission.
    personal: ClassVar[Masks] = {
        "number": masking.number,
        "number_key": masking.hidden,
        "extra": masking.hidden,
    }

    key = ExactCharField(_("key"), max_length=keys.MAX_LENGTH, editable=False)
    project_id = ExactCharField(_("project ID"), blank=True)
    request = models.ForeignKey(
        WebhookRequest,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="%(class)ss",
        verbose_name=_("request"),
    )
    index = models.PositiveIntegerField(_("position in the batch"))
    # The id of the first request with this event: an order that no clock can turn back and that
    # stays if the request is pruned.
    arrival = models.PositiveBigIntegerField(_("arrival"), editable=False)
    received_at = models.DateTimeField(_("received at"))
    extra = models.JSONField(_("extra"), default=dict, blank=True, encoder=DjangoJSONEncoder)

    class Meta:
        abstract = True

    @classmethod
    @cache
    def content_fields(cls) -> tuple[Any, ...]:
        """Return the fields of this kind of event, in order: the admin and the API show each."""
        shared = {field.name for field in Event._meta.fields}
        fields = cls._meta.concrete_fields
        return tuple(
            field
            for field in fields
            if field.editable and not field.primary_key and field.name not in shared
        )

    @classmethod
    @cache
    def fillable(cls) -> tuple[str, ...]:
        """Return the names of the fields that a repeat may fill if they are blank."""
        names = (field.name for field in cls.content_fields())
        return tuple(name for name in names if name not in cls.identity)

    @property
    def message_key(self) -> str:
        """The key of the message that this event is about, or blank."""
        return ""

    def natural_key(self) -> str:
        """Return the key that a repeat of this event has too."""
        raise NotImplementedError

    def fill_from(self, other: Event) -> bool:
        """Fill the blanks of this row from its repeat, and return whether it changed."""
        filled = fill_blanks(self, other, self.fillable())
        new = {
            name: value
            for name, value in other.extra.items()
            if name not in self.extra or (self.extra[name] in _BLANK and value not in _BLANK)
        }
        if new:
            self.extra = self.extra | new
        earlier = other.arrival < self.arrival
        if earlier:  # a faster worker stored the later request first; the earlier one counts
            self.arrival, self.index = other.arrival, other.index
        return bool(filled or new or earlier)
