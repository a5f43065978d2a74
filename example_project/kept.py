"""Values that come from the environment, or are made once and then kept."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

#: Holds all that is to outlive the processes: also the database of the demo, and the spool. The
#: one that is meant without ``DATA_FOLDER`` is ignored by Git; delete it to begin anew.
FOLDER = Path(os.environ.get("DATA_FOLDER") or Path(__file__).resolve().parent / "var")


def kept(name: str, size: int = 24) -> str:
    """Return what the environment says for ``name``, such as ``SECRET_KEY`` for ``secret-key``.

    Where it says nothing, that is the random text kept as ``name``, made of ``size`` bytes where
    there is none yet.
    """
    if given := os.environ.get(name.upper().replace("-", "_")):
        return given
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{name}.txt"
    if not path.exists() or not path.read_text().strip():
        # Only its owner may read it, from the start.
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(size) + "\n")
    return path.read_text().strip()
