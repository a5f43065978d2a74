"""Event 3: who joined and left a WhatsApp group."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from django.db import models
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from ..choices import EventKind, GroupAction
from . import keys, masking
from .columns import ExactCharField, UnicodeCharField
from .events import Event, EventQuerySet
from .masking import Masks
from .numbers import NumberKeyField


class GroupMemberEventQuerySet(EventQuerySet["GroupMemberEvent"]):
    def members_of(self, group_id: str, project_id: str | None = None) -> GroupMemberEventQuerySet:
        """Return the joins of the current members; an unknown action changes nothing."""
        events = self.filter(group_id=group_id, action__in=GroupAction.values)
        if project_id is not None:
            events = events.filter(project_id=project_id)
        latest: GroupMemberEventQuerySet = events._first_of_each(
            F("project_id"),
            F("number"),
            # A repeat that came with another event of the member keeps its own index.
            order_by=[F("last_arrival").desc(), F("arrival").desc(), F("index").desc()],
        )
        return latest.filter(action=GroupAction.JOINED)


class GroupMemberEvent(Event):
    """Event 3: someone joined or left a WhatsApp group."""

    kind = EventKind.GROUP_MEMBER
    identity = frozenset({"action", "group_id", "number"})
    personal: ClassVar[Masks] = Event.personal | {"group_id": masking.group_id}

    action = models.BigIntegerField(_("action"), choices=GroupAction.choices)
    get_action_display: Callable[[], str]
    group_id = ExactCharField(_("group ID"))
    group_subject = UnicodeCharField(_("group subject"), max_length=255, blank=True)
    number = ExactCharField(_("number"))
    number_key = NumberKeyField()
    channel = ExactCharField(_("channel"), blank=True)
    # Position among the events of this member of this group; part of the key.
    ordinal = models.PositiveIntegerField(_("ordinal"), editable=False)
    # The arrival of the last repeat of this event: if workers process requests out of order, the
    # current state still follows the order of arrival.
    last_arrival = models.PositiveBigIntegerField(_("last arrival"), editable=False)

    objects: ClassVar[GroupMemberEventQuerySet] = GroupMemberEventQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("group member event")
        verbose_name_plural = _("group member events")
        constraints = (models.UniqueConstraint(fields=["key"], name="pickyassist_group_key"),)
        indexes = (
            models.Index(fields=["group_id", "number", "id"], name="pickyassist_group_member"),
            models.Index(fields=["number_key"], name="pickyassist_group_number"),
            models.Index(fields=["received_at"], name="pickyassist_group_received"),
            models.Index(fields=["action", "received_at"], name="pickyassist_group_action"),
        )

    def __str__(self) -> str:
        return f"{masking.group_id(self.group_id)}: {self.get_action_display()}"

    def natural_key(self) -> str:
        return keys.group_member(self.project_id, self.group_id, self.number, self.ordinal)

    def fill_from(self, other: Event) -> bool:
        index = self.index
        changed = super().fill_from(other)
        self.index = index  # together with its request it identifies the row of a batch
        later = other.arrival > self.last_arrival
        self.last_arrival = max(self.last_arrival, other.arrival)
        return changed or later
