"""Values from the environment, or made once and then kept."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

#: For all data that must outlive the processes, such as the demo's database and the spool. Git
#: ignores the default folder; delete it to start again.
FOLDER = Path(os.environ.get("DATA_FOLDER") or Path(__file__).resolve().parent / "var")


def kept(name: str, size: int = 24) -> str:
    """Return the environment variable for ``name``, such as ``SECRET_KEY`` for ``secret-key``.

    If it is not set, return a random text of ``size`` bytes, which is made once and kept as
    ``name``.
    """
    if given := os.environ.get(name.upper().replace("-", "_")):
        return given
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{name}.txt"
    if not path.exists():
        # First under another name, readable by its owner only. If several processes begin at once,
        # one of them wins, and all read its text.
        fresh = path.with_name(f"{name}.{os.getpid()}")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(size) + "\n")
        with suppress(FileExistsError):
            os.link(fresh, path)
        fresh.unlink()
    return path.read_text().strip()
