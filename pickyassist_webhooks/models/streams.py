"""The events of one kind and project as a stream: the last event, and the longest silences."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from .columns import ExactCharField, InstantField, UnicodeCharField
from .moments import in_utc
from .requests import database_of_requests

#: How far back a silence counts as usual.
WINDOW = timedelta(days=28)

#: A shorter silence is never an alarm, so shorter gaps are not kept.
LEAST = timedelta(hours=1)
_LEAST = LEAST.total_seconds()


class EventStream(models.Model):
    """The last event of one kind and project, and the longest gaps between its events.

    It is kept up to date when a process looks at the health, never by the receiving of a request.
    """

    kind = UnicodeCharField(_("kind"), max_length=20)
    project_id = ExactCharField(_("project ID"), blank=True)
    # The id of the newest event that is counted here, and the number of them.
    last_id = models.PositiveBigIntegerField(_("last event"), default=0)
    count = models.PositiveBigIntegerField(_("count"), default=0)
    last_at: Any = InstantField(_("last event at"))
    # The two moments before, newest first, in seconds of Unix time.
    earlier = models.JSONField(_("moments before"), default=list, blank=True)
    # Pairs of the end of a gap, in seconds of Unix time, and its length in seconds. Each gap is
    # longer than all that end after it: a shorter earlier one can never be the longest again.
    gaps = models.JSONField(_("longest gaps"), default=list, blank=True)

    class Meta:
        verbose_name = _("event stream")
        verbose_name_plural = _("event streams")
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(fields=["kind", "project_id"], name="pickyassist_stream"),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.project_id}"

    def add(self, at: datetime) -> None:
        """Add an event, in the order of arrival. An event from before the last one is counted."""
        self.count += 1
        if self.last_at is None:
            self.last_at = at
            return
        began, end = _seconds(self.last_at), _seconds(at)
        if end <= began:
            return
        self.earlier = [began, *self.earlier][:2]
        if end - began >= _LEAST:
            self.gaps = [gap for gap in self.gaps if gap[1] > end - began and self._counts(gap, at)]
            self.gaps.append([end, end - began])
        self.last_at = at

    def longest_gap(self, now: datetime) -> timedelta | None:
        """Return the longest gap of the last 28 days, ``None`` if two have not ended in them."""
        oldest = _seconds(now) - WINDOW.total_seconds()
        if len(self.earlier) < 2 or self.earlier[0] < oldest:
            return None
        lengths = [gap[1] for gap in self.gaps if self._counts(gap, now)]
        return timedelta(seconds=max(lengths, default=0.0))

    def _counts(self, gap: list[float], now: datetime) -> bool:
        return gap[0] >= _seconds(now) - WINDOW.total_seconds()


def streams() -> models.QuerySet[EventStream]:
    """Return all streams, from the database that the router returns for writes."""
    return EventStream.objects.using(database_of_requests())


def _seconds(moment: datetime) -> float:
    return (moment if moment.tzinfo else in_utc(moment)).timestamp()
