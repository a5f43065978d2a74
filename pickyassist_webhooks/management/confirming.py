"""The question before an action that cannot be undone."""

from __future__ import annotations

import sys
from typing import Any


def confirm(question: str, options: dict[str, Any]) -> bool:
    """Ask if a person can answer; a script has already decided."""
    if not options["interactive"] or options["json"] or not sys.stdin.isatty():
        return True
    return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
