"""The figures of each fault: one row each, checked, and written to a file at the end."""

from __future__ import annotations

import json
import platform
import subprocess
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import django

from tests.faults.stage import ROOT, Stage

FILE = Path(__file__).parent / "figures.json"
COLUMNS = (
    "fault",
    "database",
    "times",
    "sent",
    "acknowledged",
    "stored",
    "lost",
    "twice",
    "signals_missing",
    "server_errors",
    "refused",
    "dropped",
    "slowest_seconds",
)


def row(
    fault: str, database: str, times: int, stage: Stage, result: dict[str, Any]
) -> dict[str, Any]:
    """Return the figures of one fault."""
    counts = stage.client.counts
    errors = [a for a in counts.answers if a.status >= 500 and a.status != 503]
    return {
        "fault": fault,
        "database": database,
        "times": times,
        "sent": counts.sent,
        **{key: result[key] for key in COLUMNS[4:9]},
        "server_errors": len(errors),
        "refused": counts.of(503),
        "dropped": counts.dropped,
        "slowest_seconds": counts.slowest(),
    }


def check(figures: dict[str, Any], stage: Stage, result: dict[str, Any]) -> None:
    """Raise ``AssertionError`` unless each acknowledged event is stored once and was signalled."""
    about = f"{figures}\n{result}\n{stage.log('server')}\n{stage.folder}"
    for name in ("lost", "twice", "signals_missing", "server_errors"):
        assert figures[name] == 0, f"{name}: {about}"
    assert result["unfinished"] == {}, about
    counts = stage.client.counts
    assert figures["acknowledged"] == counts.of(200) > 0, about
    assert counts.of(200) + counts.of(503) == len(counts.answers), about
    assert all("Retry-After" in a.headers for a in counts.answers if a.status == 503), about


def table(rows: list[dict[str, Any]]) -> list[str]:
    """Return the rows as lines of text."""
    cells = [list(COLUMNS), *([str(row[name]) for name in COLUMNS] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    ]


def write(rows: list[dict[str, Any]], versions: dict[str, str]) -> None:
    """Write the figures of a long run, with the versions."""
    document = {
        "commit": _git("rev-parse", "HEAD"),
        "dirty": bool(
            _git("status", "--porcelain", "--", ".", f":(exclude){FILE.relative_to(ROOT)}")
        ),
        "date": datetime.now(timezone.utc).date().isoformat(),
        "form": "long",
        "python": platform.python_version(),
        "django": django.get_version(),
        **versions,
        "figures": rows,
    }
    FILE.write_text(json.dumps(document, indent=1) + "\n")


def _git(*arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
