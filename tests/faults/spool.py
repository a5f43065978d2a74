"""Run each fault of the database without and with a spool."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

with_and_without = pytest.mark.parametrize("spool", [False, True], ids=["refused", "spooled"])


def keys(spool: bool, folder: Path) -> dict[str, Any]:
    """Return the settings for a stage."""
    return {"SPOOL_DIR": str(folder / "spool")} if spool else {}


def label(fault: str, spool: bool) -> str:
    return f"{fault}, with a spool" if spool else fault


def check_answers(counts: Any, spool: bool) -> None:
    """Raise ``AssertionError`` unless requests were spooled or, without a spool, refused."""
    assert (counts.spooled() > 0) == spool
    assert (counts.of(503) > 0) != spool
