"""Files in which raw requests wait while the database cannot take them.

Each request is a file of its own, named by its token: one line of JSON that says how it came, then
the exact bytes. Whoever drains it inserts a row with that token, which is unique, so that draining
a file twice is harmless.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from .choices import RequestState
from .conf import app_settings
from .exceptions import UnreadableSpoolFile
from .models import WebhookRequest

SUFFIX = ".request"
PART = ".part"

#: Seconds after which nobody writes to an unfinished file any more. It was never acknowledged.
_ABANDONED = 3600

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
    if not folder.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _sync(folder.parent)
    target = folder / f"{request.token}{SUFFIX}"
    _write(target, json.dumps(header).encode() + b"\n" + body)
    return True


def _write(target: Path, content: bytes) -> None:
    unfinished = target.with_suffix(PART)
    try:
        # Customers' messages: for the server's own user only.
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(target)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise
    _sync(target.parent)  # the name too, not only the bytes, has to survive a loss of power


def waiting() -> list[Path]:
    """Return the files that wait to be drained, oldest first, and clear away abandoned ones.

    Raises ``OSError`` where ``SPOOL_DIR`` is there but cannot be read.
    """
    folder = app_settings.spool_dir
    if folder is None or not folder.exists():
        return []
    found = []
    for path in folder.iterdir():
        with suppress(FileNotFoundError):  # another worker was faster
            changed_at = path.stat().st_mtime
            if path.suffix == SUFFIX:
                found.append((changed_at, path.name, path))
            elif path.suffix == PART and time.time() - changed_at > _ABANDONED:
                path.unlink()
    return [path for _, _, path in sorted(found)]


def read(path: Path) -> WebhookRequest:
    """Return the request in a file, not saved yet.

    Raises ``UnreadableSpoolFile`` where it is not what ``write`` made, and ``OSError``.
    """
    header, _, body = path.read_bytes().partition(b"\n")
    try:
        said = json.loads(header)
        if (said["bytes"], said["sha256"]) != (len(body), sha256(body).hexdigest()):
            raise ValueError(f"{len(body)} bytes of {said['bytes']}, or other ones")
        request = WebhookRequest.objects.new(
            body,
            token=UUID(said["token"]),
            received_at=_moment(said["received_at"]),
            **{name: said[name] for name in _COLUMNS},
        )
        if "erased_at" in said:
            request.erased_at = _moment(said["erased_at"])
            request.state = RequestState.DISCARDED
        return request
    except (ValueError, KeyError, TypeError, AttributeError) as err:
        raise UnreadableSpoolFile(
            f"expected a spooled request in {path.name}, came: {type(err).__name__}"
        ) from err


def erase(path: Path) -> None:
    """Take the bytes out of a file, and mark it so: it becomes a request that is discarded.

    Raises ``OSError``.
    """
    try:
        said = json.loads(path.read_bytes().partition(b"\n")[0])
    except ValueError:
        said = {}  # not one of ours, or cut: it stays unreadable
    header = said if isinstance(said, dict) else {}
    header |= {"query": "", "bytes": 0, "sha256": sha256(b"").hexdigest()}
    header["erased_at"] = timezone.now().isoformat()
    _write(path, json.dumps(header).encode() + b"\n")


def remove(path: Path) -> None:
    """Delete a file whose request is committed. Somebody else may have been faster."""
    path.unlink(missing_ok=True)


def _moment(text: str) -> datetime:
    """Return a moment as the project has it now: ``USE_TZ`` may have been changed since."""
    moment = datetime.fromisoformat(text)
    if timezone.is_aware(moment) == settings.USE_TZ:
        return moment
    return timezone.make_aware(moment) if settings.USE_TZ else timezone.make_naive(moment)


def _sync(folder: Path) -> None:
    with suppress(PermissionError):  # Windows opens no folder
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
