"""The question before something is done that cannot be undone."""

from __future__ import annotations

import sys
from typing import Any


def agreed(question: str, options: dict[str, Any]) -> bool:
    """Ask where somebody can answer; a script has said what it wants."""
    if not options["interactive"] or options["json"] or not sys.stdin.isatty():
        return True
    return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
