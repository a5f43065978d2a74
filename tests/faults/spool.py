"""Every fault that keeps a request from the database: once without a spool, once with one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

with_and_without = pytest.mark.parametrize("spool", [False, True], ids=["refused", "spooled"])


def keys(spool: bool, folder: Path) -> dict[str, Any]:
    """Return the settings of a stage."""
    return {"SPOOL_DIR": str(folder / "spool")} if spool else {}


def named(fault: str, spool: bool) -> str:
    return f"{fault}, with a spool" if spool else fault


def check_answers(counts: Any, spool: bool) -> None:
    """Raise ``AssertionError`` unless the database was missed, and a spool stood in for it."""
    assert (counts.spooled() > 0) == spool
    assert (counts.of(503) > 0) != spool
