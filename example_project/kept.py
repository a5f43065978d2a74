"""Values that come from the environment, or are made once and then kept."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
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
    if not path.exists():
        # Under another name, readable by its owner alone: of several processes that begin at once
        # one has its text there, and all read that one.
        fresh = path.with_name(f"{name}.{os.getpid()}")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(size) + "\n")
        with suppress(FileExistsError):
            os.link(fresh, path)
        fresh.unlink()
    return path.read_text().strip()
