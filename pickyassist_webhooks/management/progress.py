"""The progress line on a terminal, and the result line."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime

from django.core.management.base import OutputWrapper
from django.utils import timezone

from ..models.moments import elapsed

#: Seconds between two updates of the line.
_EVERY = 0.2

#: Characters of the bar.
_WIDTH = 24

#: Words for states that differ from the name of the state.
_WORDS = {"failing": "failed", "dead": "permanently failed"}


def in_words(states: Mapping[str, int]) -> str:
    """Return the number of requests in each state, such as ``" (1 done, 1 failed)"``."""
    counted = ", ".join(f"{n} {_WORDS.get(state, state)}" for state, n in sorted(states.items()))
    return f" ({counted})" if counted else ""


def counted(count: int, singular: str, plural: str = "") -> str:
    """Return a count with its noun, such as ``"2 rows"``."""
    return f"{count} {singular if count == 1 else plural or singular + 's'}"


def seconds_until(at: datetime) -> int:
    """Return the whole seconds from now to a moment; 0 if it is over."""
    return max(0, round(elapsed(timezone.now(), at).total_seconds()))


class Progress:
    """Rewrite one line of ``stream`` if it is a terminal; otherwise write nothing.

    As a context manager it ends the line, so that later output starts on a new one.
    """

    def __init__(self, stream: OutputWrapper, total: int, label: str) -> None:
        self.stream, self.total, self.label = stream, total, label
        self.shown = stream.isatty()
        self.began = self.last = time.monotonic()
        self.is_open = False

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *args: object) -> None:
        if self.is_open:
            self.stream.write("\n")

    def __call__(self, done: int) -> None:
        """Show that ``done`` of ``total`` are finished."""
        now = time.monotonic()
        if not self.shown or (now - self.last < _EVERY and done < self.total):
            return
        self.last, self.is_open = now, True
        rate = done / max(now - self.began, 0.001)
        of = max(done, self.total, 1)
        bar = "#" * (_WIDTH * done // of)
        self.stream.write(
            f"\r[{bar:.<{_WIDTH}}] {done:,} of {of:,} {self.label} "
            f"({done / of:.0%}, {rate:,.0f}/s) ",
            style_func=str,  # without the error style of stderr
            ending="",
        )
        self.stream.flush()
