"""The level of each health condition when a process last looked."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from ..choices import Level
from .columns import InstantField, UnicodeCharField, UnicodeTextField
from .requests import database_of_requests


class Alarm(models.Model):
    """The last known level of a condition, so that one process reports a change, once."""

    condition = UnicodeCharField(_("condition"), max_length=40, primary_key=True)
    level = UnicodeCharField(_("level"), max_length=20, default=Level.OK.value)
    reason = UnicodeTextField(_("reason"), blank=True)
    changed_at = InstantField(_("changed at"))
    # When the callable in ALARM must be called, again after it failed. Null if it need not be.
    call_due_at: Any = InstantField(_("call due at"), null=True, blank=True)

    class Meta:
        verbose_name = _("alarm")
        verbose_name_plural = _("alarms")
        default_permissions = ()

    def __str__(self) -> str:
        return self.condition


def alarms() -> models.QuerySet[Alarm]:
    """Return all alarms, from the database that the router returns for writes."""
    return Alarm.objects.using(database_of_requests())
