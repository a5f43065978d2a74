"""Spool files: a line of JSON with the metadata and owner of a request, then its bytes."""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

from django.utils import timezone

from ..choices import RequestState
from ..conf import app_settings
from ..exceptions import NoSpoolFile, UnreadableSpoolFile
from ..models import WebhookRequest
from ..models.moments import moment

#: The suffix of a file while it is written.
PART = ".part"

#: Columns that are saved with the bytes.
_COLUMNS = ("content_type", "content_encoding", "query", "remote_addr", "secret_label")

#: Bytes of the first line at most. Our own files have far fewer.
_MAX_HEADER = 64 * 1024

#: A folder on some network disks cannot be synced; its names are then as safe as that disk.
_CANNOT_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EBADF)

Header = dict[str, Any]


def header_of(request: WebhookRequest) -> Header:
    body = bytes(request.body)
    return {name: getattr(request, name) for name in _COLUMNS} | {
        "token": str(request.token),
        "received_at": request.received_at.isoformat(),
        "bytes": len(body),
        "sha256": sha256(body).hexdigest(),
    }


def request_of(header: Header, body: bytes) -> WebhookRequest:
    """Return the request of a file, not saved yet."""
    request = WebhookRequest.objects.new(
        body,
        token=UUID(header["token"]),
        received_at=moment(header["received_at"]),  # it fits USE_TZ, which may have changed since
        **{name: header[name] for name in _COLUMNS},
    )
    if "erased_at" in header:
        request.erased_at = moment(header["erased_at"])
        request.state = RequestState.DISCARDED
    return request


def erased(header: Header) -> Header:
    """Return the header of a file whose bytes are erased: its request is discarded."""
    nothing = {"query": "", "bytes": 0, "sha256": sha256(b"").hexdigest()}
    return header | nothing | {"erased_at": timezone.now().isoformat()}


def write(target: Path, header: Header, body: bytes = b"") -> None:
    """Write a file that survives a power failure. Raises ``OSError``."""
    unfinished = target.with_suffix(PART)
    try:
        # Customers' messages: for the server's own user only.
        with open(unfinished, "xb", opener=partial(os.open, mode=0o600)) as file:
            file.write(json.dumps(header).encode() + b"\n" + body)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(target)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise
    sync(target.parent)  # the name must survive too, not only the bytes


def make_folder(folder: Path) -> None:
    """Make a folder for the files of customers, if there is none. Raises ``OSError``."""
    if not folder.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        sync(folder.parent)


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a regular file only, because opening a FIFO never returns.

    Raises ``NoSpoolFile`` and ``OSError``. Errors in reading a file that ``write`` did not make
    become ``UnreadableSpoolFile``.
    """
    _require_regular(path, path.lstat())
    with open(path, "rb", opener=_open_carefully) as file:
        # Check again: another file may have the name now.
        _require_regular(path, os.fstat(file.fileno()))
        try:
            yield file
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as err:
            raise UnreadableSpoolFile(
                f"{path.name} is no valid spool file: {type(err).__name__}"
            ) from err


def _open_carefully(path: str, flags: int) -> int:
    # Windows has neither flag, and no FIFOs in a folder.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0))


def _require_regular(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise NoSpoolFile(f"{path.name} is not a regular file; remove it from SPOOL_DIR")


def read_header(file: BinaryIO) -> Header:
    header = json.loads(file.readline(_MAX_HEADER))
    if not isinstance(header, dict):
        raise TypeError(f"expected a dict, got a {type(header).__name__}")
    return header


def read_body(file: BinaryIO, header: Header) -> bytes:
    """Return the bytes after the header, if their number and digest match it."""
    size = os.fstat(file.fileno()).st_size - file.tell()
    if header["bytes"] != size:
        raise ValueError(f"expected {header['bytes']} bytes, got {size}")
    body = file.read(size)
    if header["sha256"] != sha256(body).hexdigest():
        raise ValueError("the SHA-256 digest does not match")
    return body


def read_all(path: Path) -> bytes:
    """Return all bytes of a file that is cut or not our own.

    Raises ``UnreadableSpoolFile`` if it is too large for our own, and as ``opened`` does.
    """
    limit = app_settings.max_body_bytes + _MAX_HEADER
    with opened(path) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise UnreadableSpoolFile(f"expected at most {limit} bytes in {path.name}")
    return content


def sync(folder: Path) -> None:
    """Make the names in a folder survive a power failure."""
    with suppress(PermissionError):  # Windows opens no folder
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        except OSError as err:
            if err.errno not in _CANNOT_SYNC:
                raise
        finally:
            os.close(descriptor)
