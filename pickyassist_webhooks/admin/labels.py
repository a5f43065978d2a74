"""Codes, counts and alarms in words."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from ..choices import CHANNELS, DeliveryStatus, Level
from ..insights.country_names import NAMES
from ..insights.error_codes import explained
from ..models.moments import in_utc
from ..parsing.characters import visible
from .text import shortened

#: A level is told by its word and this, too, not only by its colour.
_SYMBOLS = {Level.OK: "\u2713", Level.DEGRADED: "!", Level.FAILING: "\u2715"}

_GRADES: dict[int, Level] = {
    DeliveryStatus.FAILED: Level.FAILING,
    DeliveryStatus.REFUNDED: Level.DEGRADED,
}


def unrecognised(code: Any) -> str:
    """Return a code that the vendor's page does not list."""
    return gettext("%(code)s (unrecognised)") % {"code": code}


def channel(value: str) -> str:
    """Return a channel's id with its label as a hint: newer accounts number channels themselves."""
    label = CHANNELS.get(value)
    return f"{visible(value)} ({label})" if label else shortened(value)


def country(code: str) -> str:
    """Return the name of a country, or its code if it has none."""
    return str(NAMES.get(code) or shortened(code))


def to_the_second(moment: datetime) -> SafeString:
    """Return a moment as HTML: read from left to right in every language, its date in one line."""
    parts = [(part,) for part in local_time(moment).split()]
    whole = format_html_join(" ", '<span class="pickyassist-nowrap">{}</span>', parts)
    return format_html('<bdi dir="ltr">{}</bdi>', whole)


def local_time(moment: datetime) -> str:
    """Return a moment in the current time zone, to the second and with the name of the zone."""
    # Translators: the format of a time with seconds and time zone, as in Django's DATETIME_FORMAT.
    return date_format(timezone.localtime(in_utc(moment)), gettext("Y-m-d H:i:s T"))


def error_code(code: str) -> str:
    """Return an error code with its explanation as a hint, if it is a known one."""
    hint = explained(code)
    return f"{visible(code)}: {hint}" if hint else shortened(code)


def symbol(grade: Level) -> str:
    """Return the symbol of a level."""
    return _SYMBOLS[grade]


def level(grade: Level, text: Any) -> SafeString:
    """Return text on the ground of a level, with its symbol."""
    html = '<span class="pickyassist-level pickyassist-{}">{} {}</span>'
    return format_html(html, grade, symbol(grade), text)


def delivery_status(status: int, label: Any) -> str:
    """Return the label of a message's status; one of a failure stands out."""
    grade = _GRADES.get(status)
    return level(grade, label) if grade else str(label)


def alarm(text: Any) -> SafeString:
    """Return text that a person should notice; the colour only repeats the words."""
    return format_html('<span class="pickyassist-alarm">{}</span>', text)


def grouped(count: int) -> str:
    """Return a count with separators between thousands."""
    return number_format(count, force_grouping=True)


class Grouped(int):
    """A count for texts with a plural: shown with separators between thousands."""

    def __str__(self) -> str:
        return grouped(int(self))


def duration(seconds: float) -> str:
    """Return a time in its two largest units, or in milliseconds if it is short."""
    if (milliseconds := round(seconds * 1000)) < 1000:
        return gettext("%(count)s ms") % {"count": milliseconds}
    if (tenths := round(seconds, 1)) < 60:
        return gettext("%(count)s s") % {"count": number_format(tenths, 1)}
    minutes, left = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = {"days": days, "hours": hours, "minutes": minutes, "seconds": left}
    if days:
        return gettext("%(days)d d %(hours)d h") % parts
    if hours:
        return gettext("%(hours)d h %(minutes)d min") % parts
    return gettext("%(minutes)d min %(seconds)d s") % parts


def percent(rate: float) -> str:
    """Return a rate from 0 to 1 as a percentage."""
    return gettext("%(percent)s%%") % {"percent": number_format(round(rate * 100, 1), 1)}


def points(change: float) -> str:
    """Return a difference of rates in percentage points as HTML, with its sign and an arrow."""
    rounded = round(change * 100, 1)
    if not rounded:
        return gettext("unchanged")
    sign, arrow = ("+", "▲") if rounded > 0 else ("\u2212", "▼")
    number = number_format(abs(rounded), 1)
    return format_html('<bdi dir="ltr">{} {}{}</bdi>', arrow, sign, number)
