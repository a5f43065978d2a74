"""Charts as SVG: their geometry here, their markup in templates, their colours in the style sheet.

All coordinates are units of a drawing 320 wide, which is a phone's width: no text gets smaller.
If a language is written from right to left, the chart is mirrored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from django.utils.formats import date_format
from django.utils.translation import get_language_bidi, gettext

from .labels import grouped, percent

WIDTH = 320

#: Heights: of the bars, of the line of dates below them, and of the line with the largest number
#: above. Text is 11 high, and the letters of some scripts reach further up and down.
_HEIGHT, _FOOT, _HEAD = 80, 20, 18

#: Heights in a funnel: of a step, of its text, and of its bar.
_STEP, _WORDS, _BAR = 36, 16, 12


@dataclass(frozen=True)
class Bar:
    """A rectangle, with its label and its value."""

    x: float
    y: float
    width: float
    height: float
    label: str
    value: str


@dataclass(frozen=True)
class Chart:
    """Bars of one series over days, or of the steps of a funnel."""

    bars: list[Bar]
    height: float
    top: str = ""
    first: str = ""
    last: str = ""
    is_mirrored: bool = field(default_factory=get_language_bidi)

    width = WIDTH
    roof, floor = _HEAD, _HEAD + _HEIGHT

    @property
    def direction(self) -> str:
        """The direction of the text, on a page of any direction."""
        return "rtl" if self.is_mirrored else "ltr"

    @property
    def start(self) -> float:
        """The x at which a line of text starts."""
        return WIDTH if self.is_mirrored else 0

    @property
    def end(self) -> float:
        """The x at which a line of text ends."""
        return WIDTH - self.start

    @property
    def foot(self) -> float:
        """The y of the text below the bars."""
        return self.height - 6


def names_of(days: Sequence[date]) -> list[str]:
    """Return the names of days in the language of the page."""
    # Translators: the format of a day, as in that of a time.
    return [date_format(day, gettext("Y-m-d")) for day in days]


def of_days(names: Sequence[str], counts: Sequence[int]) -> Chart:
    """Return a bar for each day, in proportion to the largest count."""
    largest = max(counts)
    step = WIDTH / len(names)
    bars = []
    for index, (name, count) in enumerate(zip(names, counts, strict=True)):
        # The smallest count stays visible.
        height = max(_HEIGHT * count / largest, 1) if count else 0
        bars.append(
            Bar(
                x=_from_start(index * step, step * 0.8),
                y=round(_HEAD + _HEIGHT - height, 2),
                width=round(step * 0.8, 2),
                height=round(height, 2),
                label=name,
                value=grouped(count),
            )
        )
    return Chart(bars, _HEAD + _HEIGHT + _FOOT, grouped(largest), bars[0].label, bars[-1].label)


def of_funnel(rows: Sequence[tuple[str, int, float]]) -> Chart:
    """Return a bar for each row: its label, its count, and this as a part of all messages."""
    bars = [
        Bar(
            x=_from_start(0, WIDTH * rate),
            y=index * _STEP + _WORDS + 4,
            width=round(WIDTH * rate, 2),
            height=_BAR,
            label=label,
            value=f"{grouped(count)} ({percent(rate)})",
        )
        for index, (label, count, rate) in enumerate(rows)
    ]
    return Chart(bars, len(bars) * _STEP)


def _from_start(distance: float, width: float) -> float:
    """Return the x of a bar at this distance from the start of the text."""
    return round(WIDTH - distance - width if get_language_bidi() else distance, 2)
