"""How many requests had a wrong secret: one row for each minute, not for each request."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models
from django.db.models import F, Sum
from django.utils.translation import gettext_lazy as _

from .columns import InstantField
from .moments import later
from .requests import database_of_requests

#: How long the rows are kept. They are at most 1,440, however many requests are refused.
_KEPT = timedelta(days=1)

#: The refused requests of one row can be so much newer than its moment.
MINUTE = timedelta(minutes=1)


class RefusalCount(models.Model):
    """The number of requests with a wrong secret in one minute."""

    minute = InstantField(_("minute"), primary_key=True)
    count = models.PositiveBigIntegerField(_("count"), default=0)

    class Meta:
        verbose_name = _("refusal count")
        verbose_name_plural = _("refusal counts")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.minute}: {self.count}"


def add_refusals(minute: datetime, count: int) -> None:
    """Add to the count of a minute. Several processes can do so at once."""
    counts = RefusalCount.objects.using(database_of_requests())
    row = counts.filter(minute=minute)
    if not row.update(count=F("count") + count):
        counts.bulk_create([RefusalCount(minute=minute)], ignore_conflicts=True)
        row.update(count=F("count") + count)
        counts.filter(minute__lt=later(minute, -_KEPT)).delete()


def refusals_since(moment: datetime) -> int:
    """Return the stored number of refused requests since a moment, or up to a minute before."""
    counts = RefusalCount.objects.using(database_of_requests())
    counts = counts.filter(minute__gt=later(moment, -MINUTE))
    return int(counts.aggregate(total=Sum("count"))["total"] or 0)
