"""Files in which raw requests wait while the database cannot take them.

Each request is a file of its own, named by its token: one line of JSON that says how it came, then
the exact bytes. Whoever drains it inserts a row with that token, which is unique, so that draining
a file twice is harmless.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from .conf import app_settings
from .exceptions import UnreadableSpoolFile
from .models import WebhookRequest

SUFFIX = ".request"

#: Columns that are kept beside the bytes.
_COLUMNS = ("content_type", "content_encoding", "query", "remote_addr", "secret_label")


def write(request: WebhookRequest) -> bool:
    """Save a request durably in ``SPOOL_DIR``; return ``False`` where none is configured.

    Raises ``OSError`` where the folder does not take it, and then leaves nothing behind.
    """
    folder = app_settings.spool_dir
    if folder is None:
        return False
    body = bytes(request.body)
    header = {name: getattr(request, name) for name in _COLUMNS} | {
        "token": str(request.token),
        "received_at": request.received_at.isoformat(),
        "bytes": len(body),
        "sha256": sha256(body).hexdigest(),
    }
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = folder / f"{request.token}{SUFFIX}"
    unfinished = target.with_suffix(".part")
    try:
        # Customers' messages: for the server's own user only.
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(json.dumps(header).encode() + b"\n" + body)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(target)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise
    _sync(folder)  # the name too, not only the bytes, has to survive a loss of power
    return True


def waiting() -> list[Path]:
    """Return the files that wait to be drained, oldest first.

    Raises ``OSError`` where ``SPOOL_DIR`` is there but cannot be read.
    """
    folder = app_settings.spool_dir
    if folder is None or not folder.exists():
        return []
    files = [path for path in folder.iterdir() if path.suffix == SUFFIX]
    return sorted(files, key=lambda path: (path.stat().st_mtime_ns, path.name))


def read(path: Path) -> WebhookRequest:
    """Return the request in a file, not saved yet.

    Raises ``UnreadableSpoolFile`` where it is not what ``write`` made, and ``OSError``.
    """
    header, _, body = path.read_bytes().partition(b"\n")
    try:
        said = json.loads(header)
        if (said["bytes"], said["sha256"]) != (len(body), sha256(body).hexdigest()):
            raise ValueError(f"{len(body)} bytes of {said['bytes']}, or other ones")
        return WebhookRequest.objects.new(
            body,
            token=said["token"],
            received_at=datetime.fromisoformat(said["received_at"]),
            **{name: said[name] for name in _COLUMNS},
        )
    except (ValueError, KeyError, TypeError) as err:
        raise UnreadableSpoolFile(
            f"expected a spooled request in {path.name}, came: {type(err).__name__}"
        ) from err


def remove(path: Path) -> None:
    """Delete a file whose request is committed. Somebody else may have been faster."""
    path.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    with suppress(PermissionError):  # Windows opens no folder
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
