"""Values that are made once and then kept: in a real project these come from its own vault."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

#: Holds the database too. Git ignores it; delete it to begin anew.
FOLDER = Path(__file__).resolve().parent / "var"


def kept(name: str, size: int = 24) -> str:
    """Return the random text kept as ``name``, made of ``size`` bytes where there is none yet."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}.txt"
    if not path.exists() or not path.read_text().strip():
        # Only its owner may read it, from the start.
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(size) + "\n")
    return path.read_text().strip()
