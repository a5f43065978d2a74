"""A line on the terminal that says how far long work is."""

from __future__ import annotations

import time

from django.core.management.base import OutputWrapper

#: Seconds between two looks at the line.
_EVERY = 0.2

#: Characters of the bar.
_WIDTH = 24


class Progress:
    """Rewrites one line of ``stream``, where that is a terminal; writes nothing elsewhere."""

    def __init__(self, stream: OutputWrapper, total: int, what: str) -> None:
        self.stream, self.total, self.what = stream, total, what
        self.shown = stream.isatty()
        self.began = self.last = time.monotonic()

    def __call__(self, done: int) -> None:
        """Show that ``done`` of all there is to do are done."""
        now = time.monotonic()
        if not self.shown or (now - self.last < _EVERY and done < self.total):
            return
        self.last = now
        rate = done / max(now - self.began, 0.001)
        of = max(done, self.total, 1)
        bar = "#" * (_WIDTH * done // of)
        self.stream.write(
            f"\r[{bar:.<{_WIDTH}}] {done:,} of {of:,} {self.what} "
            f"({done / of:.0%}, {rate:,.0f}/s) ",
            style_func=str,  # that of stderr is for errors
            ending="",
        )
        self.stream.flush()

    def end(self) -> None:
        """Leave the line, so that what follows begins on one of its own."""
        if self.shown:
            self.stream.write("\n")
