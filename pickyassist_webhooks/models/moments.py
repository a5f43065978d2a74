"""Moments in rows: read from texts, and measured in real seconds.

With ``USE_TZ = False`` Django's moments are local times. When clocks go back, an hour repeats;
when they go forward, an hour is missing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from datetime import timezone as zones
from typing import Any

from django.conf import settings
from django.db.models import Func
from django.utils import timezone
from django.utils.dateparse import parse_datetime

_FIRST, _LAST = datetime(1900, 1, 1), datetime(9998, 1, 1)


def moment(text: str) -> datetime:
    """Return the moment of a text in ISO 8601, by default in the current time zone.

    A local time that a clock change skips has the offset before the change, so a missing midnight
    is the first moment of its day. A local time that repeats is the first of the two. Raises
    ``ValueError`` if the text is not a moment.
    """
    parsed = parse_datetime(text.strip())
    if parsed is None:
        raise ValueError(f"expected a moment in ISO 8601, got {text!r}")
    # No database accepts every offset, or the first and last years. No row is outside these
    # bounds, so the result is the same.
    bounded = min(max(parsed.replace(tzinfo=None), _FIRST), _LAST).replace(tzinfo=parsed.tzinfo)
    if settings.USE_TZ:
        aware = bounded if bounded.tzinfo else timezone.make_aware(bounded)
        return aware.astimezone(zones.utc)
    return in_local_time(bounded) if bounded.tzinfo else bounded


def later(moment: datetime, by: timedelta) -> datetime:
    """Return ``moment`` plus ``by`` in real time, aware if ``moment`` is."""
    if timezone.is_aware(moment):
        return moment + by
    return in_local_time(in_utc(moment) + by)


def elapsed(since: datetime, until: datetime) -> timedelta:
    """Return the time between two moments that are both aware, or both local."""
    return in_utc(until) - in_utc(since)


def in_utc(moment: datetime) -> datetime:
    """Return an aware moment; a local time is in the project's time zone, with its ``fold``."""
    if timezone.is_naive(moment):
        moment = moment.replace(tzinfo=timezone.get_default_timezone())
    return moment.astimezone(zones.utc)


def in_local_time(moment: datetime) -> datetime:
    """Return an aware moment as a naive local time in the project's time zone."""
    return moment.astimezone(timezone.get_default_timezone()).replace(tzinfo=None)


class Moments(Func):
    """The moments of a column, of which thousands are read.

    With its time zone, PostgreSQL's driver takes ten times as long to read each.
    """

    template = "%(expressions)s"

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "(%(expressions)s AT TIME ZONE 'UTC')" if settings.USE_TZ else self.template
        return self.as_sql(compiler, connection, template=template, **context)

    @property
    def convert_value(self) -> Any:
        return _aware if settings.USE_TZ else super().convert_value


def _aware(value: datetime | None, *of_column: Any) -> datetime | None:
    return value if value is None or value.tzinfo else value.replace(tzinfo=zones.utc)
