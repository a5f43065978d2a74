"""What every event has in common."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models.expressions import Window
from django.db.models.functions import RowNumber
from django.utils.translation import gettext_lazy as _

from .. import keys, masking
from ..choices import EventKind
from ..masking import Masks
from .columns import ExactCharField, Row
from .requests import WebhookRequest

if TYPE_CHECKING:
    from typing_extensions import Self


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
    def in_order(self) -> Self:
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
    #: Fields with personal data, and how they are shown to those who may not see it.
    personal: ClassVar[Masks] = {"number": masking.number, "extra": masking.hidden}

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
        if earlier:  # whichever worker was faster, the place in line is the first one seen
            self.arrival, self.index = other.arrival, other.index
        return bool(filled or new or earlier)
