"""The progress line on a terminal, and the result line."""

from __future__ import annotations

import time
from collections.abc import Mapping

from django.core.management.base import OutputWrapper

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


class Progress:
    """Rewrite one line of ``stream`` if it is a terminal; otherwise write nothing."""

    def __init__(self, stream: OutputWrapper, total: int, label: str) -> None:
        self.stream, self.total, self.label = stream, total, label
        self.shown = stream.isatty()
        self.began = self.last = time.monotonic()

    def __call__(self, done: int) -> None:
        """Show that ``done`` of ``total`` are finished."""
        now = time.monotonic()
        if not self.shown or (now - self.last < _EVERY and done < self.total):
            return
        self.last = now
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

    def end(self) -> None:
        """End the line, so that later output starts on a new one."""
        if self.shown:
            self.stream.write("\n")
