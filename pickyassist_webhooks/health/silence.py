"""The condition of silence: no event of a kind and project comes any more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ..choices import EventKind, Level
from ..conf import app_settings
from ..insights import streams
from ..models import EventStream
from ..models.moments import elapsed
from ..models.streams import LEAST
from ..parsing.characters import visible
from .facts import Facts
from .levels import Finding, in_words


@dataclass(frozen=True)
class Silence:
    """A stream without events for longer than usual, or than ``SILENCE`` allows."""

    stream: EventStream
    age: timedelta


def silence(facts: Facts) -> Finding:
    """Judge the time since the last event of each kind and project."""
    silences = sorted(_silences(facts), key=lambda silence: -silence.age)
    if not silences:
        return Level.OK, _("No unusual silence.")
    longest, *others = silences
    reason = _("No %(kind)s of project %(project)s has come for %(age)s.") % {
        "kind": EventKind(longest.stream.kind).label,
        "project": visible(longest.stream.project_id) or "?",
        "age": in_words(longest.age),
    }
    if others:
        more = ngettext(
            "%(count)s more kind or project is silent.",
            "%(count)s more kinds or projects are silent.",
            len(others),
        )
        reason += " " + more % {"count": len(others)}
    return Level.DEGRADED, reason + " " + _("Check the URL in Picky Assist.")


def _silences(facts: Facts) -> Iterator[Silence]:
    now = facts.now
    is_being_read = facts.last_run is not None and elapsed(facts.last_run, now) <= LEAST
    for read in streams.current(now).values():
        is_behind = elapsed(read.read_until, now) > LEAST
        if is_behind and is_being_read:
            continue  # after an upgrade, the past is still being read
        for stream in read.by_project.values():
            # If no command reads on, newer events may be unread. None came after the newest of all.
            last_at = read.last_at if is_behind and read.last_at else stream.last_at
            age = elapsed(last_at, now if is_behind else read.read_until)
            if _is_too_long(age, stream, read.read_until):
                yield Silence(stream, age)


def _is_too_long(age: timedelta, stream: EventStream, now: datetime) -> bool:
    configured = app_settings.silence
    if stream.kind in configured:
        longest = configured[stream.kind]
        return longest is not None and age > longest
    usual = stream.longest_gap(now)
    return usual is not None and age > usual and age >= LEAST
