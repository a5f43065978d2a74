"""The cost of each page, as a table and as a file."""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import django
import pytest
from django.db import connection

from tests.scale.meter import Look

ROOT = Path(__file__).parents[2]
#: Up to so many rows, the limits apply to every database.
FEW = 100_000

#: For each list of the API: its name, and the milliseconds of p50 and p99.
answers = pytest.StashKey[list[tuple[str, float, float]]]()

_KINDS = ("overview", "list", "page")


@dataclass(frozen=True)
class Figures:
    """The figures of one database; ``seconds`` is the time to make its rows."""

    database: str
    rows: int
    seconds: float
    looks: list[Look]

    def lines(self) -> list[str]:
        """Return a line for each page, the slowest first, then the reasons of slow ones."""
        about = f"{self.database}, {self.rows} rows of each, made in {self.seconds:.0f} s"
        width = max(len(look.name) for look in self.looks)
        lines = [about, f"{'page'.ljust(width)}  queries      ms"]
        for look in self._sorted():
            over = f"  over {look.limit}" if look.is_slow else ""
            figures = f"{len(look.statements):7}  {look.milliseconds:6.0f}"
            lines.append(f"{look.name.ljust(width)}  {figures}{over}")
        slow = (look for look in self._sorted() if look.is_slow)
        return [*lines, *(f"\n{look.name}: {look.slowest}" for look in slow)]

    def write(self, file: Path) -> None:
        document = {
            "commit": _git("rev-parse", "HEAD"),
            "dirty": bool(_git("status", "--porcelain")),
            "date": datetime.now(timezone.utc).date().isoformat(),
            "database": self.database,
            "server": ".".join(map(str, connection.get_database_version())),
            "python": platform.python_version(),
            "django": django.get_version(),
            "rows": self.rows,
            "seeding_seconds": round(self.seconds, 1),
            "pages": [_row(look) for look in self._sorted()],
        }
        file.write_text(json.dumps(document, indent=1) + "\n")

    def _sorted(self) -> Iterable[Look]:
        return sorted(self.looks, key=lambda look: (_KINDS.index(look.kind), -look.milliseconds))


def _row(look: Look) -> dict[str, Any]:
    return {
        "page": look.name,
        "kind": look.kind,
        "queries": len(look.statements),
        "milliseconds": round(look.milliseconds, 1),
        "limit": look.limit,
    }


def _git(*arguments: str) -> str:
    command = ["git", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()
