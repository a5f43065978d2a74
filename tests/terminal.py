"""A terminal that keeps what a command prints to it."""

from __future__ import annotations

from io import StringIO


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True
