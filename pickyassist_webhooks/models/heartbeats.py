"""The last sign of life of each process that must keep running."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .columns import InstantField, UnicodeCharField
from .requests import database_of_requests

#: The name of ``pickyassist_process``, once or with ``--loop``.
PROCESS = "pickyassist_process"


class Heartbeat(models.Model):
    """A process that must keep running, and its last sign of life: one row for each name."""

    name = UnicodeCharField(_("name"), max_length=40, primary_key=True)
    last_at = InstantField(_("last seen at"))

    class Meta:
        verbose_name = _("heartbeat")
        verbose_name_plural = _("heartbeats")
        default_permissions = ()

    def __str__(self) -> str:
        return self.name


def beat(name: str) -> None:
    """Record that a process is running now."""
    heartbeats = Heartbeat.objects.using(database_of_requests())
    now = timezone.now()
    if not heartbeats.filter(name=name).update(last_at=now):
        heartbeats.bulk_create([Heartbeat(name=name, last_at=now)], ignore_conflicts=True)
