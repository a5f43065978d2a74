"""The accepted pushes of a project, and whether all their reports came."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django.db import models
from django.db.models import Exists, OuterRef
from django.utils.translation import gettext_lazy as _

from ..choices import FINAL, PushState
from ..parsing.characters import visible
from . import keys, masking
from .columns import ExactCharField, UnicodeCharField
from .leases import Leased, LeasedQuerySet
from .masking import Masks
from .messages import Message, MessageQuerySet
from .requests import database_of_requests


class PushQuerySet(LeasedQuerySet["Push"]):
    def unsettled(self) -> PushQuerySet:
        """Return the open pushes that lack a final report, or of which no message is known."""
        return self.filter(is_pending(self.db), state=PushState.OPEN)


def is_pending(database: str) -> Any:
    """Return the condition that a message of a push lacks a final report, or none is known."""
    messages = messages_of_push(database)
    pending = messages.exclude(status__in=FINAL)
    return Exists(pending) | ~Exists(messages)


def messages_of_push(database: str) -> MessageQuerySet:
    """Return the messages of the push of an outer query."""
    of_push = {"project_id": OuterRef("project_id"), "push_id": OuterRef("push_id")}
    return Message.objects.using(database).filter(**of_push)


class Push(Leased):
    """One accepted call of the Push API: Picky Assist can be asked for its reports later.

    It is open until each of its messages has a final status, or ``RECONCILE_DAYS`` have passed.
    """

    personal: ClassVar[Masks] = {"error": masking.hidden}

    key = ExactCharField(_("key"), max_length=keys.MAX_LENGTH, editable=False)
    project_id = ExactCharField(_("project ID"), blank=True)
    push_id = ExactCharField(_("push ID"))
    recorded_at = models.DateTimeField(_("recorded at"))
    state = UnicodeCharField(
        _("state"), max_length=20, choices=PushState.choices, default=PushState.OPEN
    )
    get_state_display: Callable[[], str]
    # When the delivery report API last answered, or failed to.
    asked_at = models.DateTimeField(_("asked at"), null=True, blank=True)

    objects: ClassVar[PushQuerySet] = PushQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("push")
        verbose_name_plural = _("pushes")
        constraints = (models.UniqueConstraint(fields=["key"], name="pickyassist_push_key"),)
        indexes = (
            models.Index(fields=["state", "due_at"], name="pickyassist_push_due"),
            models.Index(fields=["push_id"], name="pickyassist_push_push_id"),
            models.Index(fields=["recorded_at"], name="pickyassist_push_recorded"),
        )

    def __str__(self) -> str:
        return f"{visible(self.push_id)}: {self.get_state_display()}"

    def messages(self) -> MessageQuerySet:
        """Return the messages of this push."""
        return Message.objects.using(self._state.db).filter(
            project_id=self.project_id, push_id=self.push_id
        )


def pushes() -> PushQuerySet:
    """Return all pushes, from the database that the router returns for writes."""
    return Push.objects.using(database_of_requests())
