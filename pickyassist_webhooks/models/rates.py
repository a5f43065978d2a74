"""The rate of calls to another server, shared by all workers."""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .columns import InstantField, UnicodeCharField
from .moments import elapsed, later
from .requests import database_of_requests

#: The name of the delivery report API.
DELIVERY_REPORTS = "delivery_reports"

#: The longest pause that a server can ask for. A later time was written by a wrong clock.
LONGEST_HOLD = timedelta(days=1)


class CallRate(models.Model):
    """When the next call to a server may begin: one row for each server."""

    name = UnicodeCharField(_("name"), max_length=40, primary_key=True)
    free_at = InstantField(_("free at"))

    class Meta:
        verbose_name = _("call rate")
        verbose_name_plural = _("call rates")
        default_permissions = ()

    def __str__(self) -> str:
        return self.name


def take_turn(name: str, spacing: timedelta) -> timedelta:
    """Take the next turn and return zero, or return how long no worker may begin a call.

    One conditional UPDATE, so that only one worker gets each turn.
    """
    rates = CallRate.objects.using(database_of_requests())
    while True:
        now = timezone.now()
        is_free = Q(free_at__lte=now) | Q(free_at__gt=later(now, LONGEST_HOLD + spacing))
        if rates.filter(is_free, name=name).update(free_at=later(now, spacing)):
            return timedelta()
        rate = rates.filter(name=name).first()
        if rate is not None:
            return max(elapsed(now, rate.free_at), timedelta(milliseconds=1))
        rates.bulk_create([CallRate(name=name, free_at=now)], ignore_conflicts=True)


def hold(name: str, pause: timedelta) -> None:
    """Let no worker begin a call before ``pause`` has passed, at most ``LONGEST_HOLD``."""
    free_at = later(timezone.now(), pause)
    rates = CallRate.objects.using(database_of_requests())
    rates.filter(name=name, free_at__lt=free_at).update(free_at=free_at)
