"""Charts as SVG: their geometry here, their markup in templates, their colours in the style sheet.

All coordinates are units of a drawing 320 wide, which is a phone's width: no text gets smaller.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.utils.formats import date_format

from ..overview import Funnel
from .labels import grouped, percent

WIDTH = 320

#: Of the bars, the line under it with dates, and the line above it with the largest number.
_HEIGHT, _FOOT, _HEAD = 80, 16, 14

#: Of a step of a funnel: its words, then its bar.
_STEP, _WORDS, _BAR = 34, 13, 12


@dataclass(frozen=True)
class Bar:
    """A rectangle, and what it stands for in words."""

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

    width = WIDTH

    @property
    def foot(self) -> float:
        """Where the words under the bars stand."""
        return self.height - 4


def of_days(days: Sequence[date], counts: Sequence[int]) -> Chart:
    """Return a bar for each day, as high as its count is beside the largest."""
    largest = max(counts)
    step = WIDTH / len(days)
    bars = []
    for place, (day, count) in enumerate(zip(days, counts, strict=True)):
        # The smallest count is seen, too.
        height = max(_HEIGHT * count / largest, 1) if count else 0
        bars.append(
            Bar(
                x=round(place * step, 2),
                y=round(_HEAD + _HEIGHT - height, 2),
                width=round(step * 0.8, 2),
                height=round(height, 2),
                label=date_format(day, "SHORT_DATE_FORMAT"),
                value=grouped(count),
            )
        )
    return Chart(bars, _HEAD + _HEIGHT + _FOOT, grouped(largest), bars[0].label, bars[-1].label)


def of_funnel(funnel: Funnel, labels: Sequence[tuple[str, str]]) -> Chart:
    """Return a bar for each fact of ``labels``, as long as its part of all messages."""
    bars = []
    for place, (name, label) in enumerate(labels):
        count: int = getattr(funnel, name)
        rate = funnel.rate(count)
        bars.append(
            Bar(
                x=0,
                y=place * _STEP + _WORDS + 4,
                width=round(WIDTH * rate, 2),
                height=_BAR,
                label=label,
                value=f"{grouped(count)} ({percent(rate)})",
            )
        )
    return Chart(bars, len(bars) * _STEP)
