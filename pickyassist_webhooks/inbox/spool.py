"""The spool: a folder of raw requests that wait until the database works again.

Each request is one file, named by its token. Draining inserts a row with that unique token, so
draining a file twice is harmless. Several databases, or tenants with a schema each, can share the
folder: each takes only its own files.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from ..conf import app_settings
from ..exceptions import ForeignSpoolFile, UnknownSpoolOwner, UnreadableSpoolFile
from ..models import WebhookRequest
from . import spool_files, spool_owners
from .spool_owners import UNKNOWN, Owner

logger = logging.getLogger(__name__)

SUFFIX = ".request"

#: Seconds after which an unfinished file is abandoned. It was never acknowledged.
_ABANDONED = 3600

#: Files whose age is read by a report: all of a usual spool.
_SAMPLE = 5000

_MARK = re.compile(rf".+\.({UNKNOWN}|[0-9a-f]{{16}})\.request")

#: Tells whether some bytes, with this Content-Encoding, match a search.
Sought = Callable[[bytes, str], bool]


def write(request: WebhookRequest) -> bool:
    """Save a request durably in ``SPOOL_DIR``; return ``False`` if none is configured.

    Raises ``OSError`` if this fails. If only its name could not be made durable, the file is left,
    and drained unless the power fails.
    """
    folder = app_settings.spool_dir
    if folder is None:
        return False
    owner = spool_owners.current()
    if not owner.is_known:
        logger.error(
            "Request %s stays in the spool: its database or scope is unknown. Run "
            "pickyassist_process --adopt for it.",
            request.token,
        )
    spool_files.make_folder(folder)
    header = spool_files.header_of(request) | owner.header
    spool_files.write(_target(folder, str(request.token), owner), header, bytes(request.body))
    return True


def _target(folder: Path, token: str, owner: Owner) -> Path:
    """Return the path of a file. Its name tells other tenants that it is not theirs."""
    mark = f".{owner.mark}" if owner.mark else ""
    return folder / f"{token}{mark}{SUFFIX}"


def waiting() -> list[Path]:
    """Return the files that wait to be drained, oldest first, and delete abandoned ones.

    Files with another owner in their name are skipped. Raises ``OSError`` if ``SPOOL_DIR`` cannot
    be read, and ``UnknownSpoolOwner``.
    """
    return [Path(path) for _, path in sorted(_own_files())]


def oldest() -> float | None:
    """Return when the oldest waiting file was written, in seconds of Unix time.

    Only the first files of a folder are read, so that this is quick. Raises as ``waiting`` does.
    """
    return min((written_at for written_at, _ in _own_files(_SAMPLE)), default=None)


def _own_files(most: int | None = None) -> Iterator[tuple[float, str]]:
    """Yield the path of each waiting file, with its time.

    With ``most`` only so many files are read, and abandoned ones are not deleted.
    """
    folder = app_settings.spool_dir
    if folder is None or not os.path.lexists(folder):
        return
    own_marks = ("", UNKNOWN, _current_owner().mark)
    with os.scandir(folder) as entries:
        for entry in islice(entries, most):
            with suppress(FileNotFoundError):  # another worker was faster
                if entry.name.endswith(SUFFIX) and _mark_of(entry.name) in own_marks:
                    yield entry.stat(follow_symlinks=False).st_mtime, entry.path
                elif entry.name.endswith(spool_files.PART) and most is None:
                    _clear_away(entry)


def _mark_of(name: str) -> str:
    marked = _MARK.fullmatch(name)
    return marked[1] if marked else ""


def _clear_away(entry: os.DirEntry[str]) -> None:
    age = time.time() - entry.stat(follow_symlinks=False).st_mtime
    if entry.is_file(follow_symlinks=False) and age > _ABANDONED:
        with suppress(PermissionError):  # another user's
            Path(entry).unlink()


def _current_owner() -> Owner:
    owner = spool_owners.current()
    if not owner.is_known:
        raise UnknownSpoolOwner("the current database or scope is unknown; fix the error above")
    return owner


def read(path: Path) -> WebhookRequest:
    """Return the request in a file, not saved yet.

    Raises ``ForeignSpoolFile`` if it has another owner, ``UnknownSpoolOwner``,
    ``UnreadableSpoolFile`` if ``write`` did not make it, and ``OSError``.
    """
    with spool_files.opened(path) as file:
        header = spool_files.read_header(file)
        owner = Owner(header.get("database"), header.get("scope"))
        if owner.is_known and owner != _current_owner():
            raise ForeignSpoolFile(f"{path.name} belongs to another database or scope")
        request = spool_files.request_of(header, spool_files.read_body(file, header))
        if not owner.is_known:
            raise UnknownSpoolOwner(
                "its database or scope is unknown; run pickyassist_process --adopt"
            )
        return request


def holding(is_sought: Sought) -> tuple[list[Path], int]:
    """Return the files that match a search, and how many could not be read.

    Search the query and the body, or all bytes of a broken file. ``is_sought`` raises
    ``ValueError`` for an unknown encoding. Raises as ``waiting`` does.
    """
    matching: list[Path] = []
    unreadable = 0
    for path in waiting():
        try:
            if _holds(path, is_sought):
                matching.append(path)
        except (FileNotFoundError, ForeignSpoolFile):
            continue  # a worker has drained it, or it is another tenant's
        except (OSError, UnreadableSpoolFile, UnknownSpoolOwner):
            unreadable += 1
    return matching, unreadable


def _holds(path: Path, is_sought: Sought) -> bool:
    try:
        request = read(path)
    except UnreadableSpoolFile:
        return is_sought(spool_files.read_all(path), "")
    if is_sought(request.query.encode(), ""):
        return True
    with suppress(ValueError):  # it is counted when it is a row
        return is_sought(bytes(request.body), request.content_encoding)
    return False


def erase(path: Path) -> None:
    """Erase the bytes in a file, and mark it as erased: it becomes a discarded request.

    Raises ``OSError``.
    """
    header: spool_files.Header = {}
    # A file that is cut, or not our own, stays unreadable.
    with suppress(UnreadableSpoolFile), spool_files.opened(path) as file:
        header = spool_files.read_header(file)
    spool_files.write(path, spool_files.erased(header))


def adopt(path: Path) -> None:
    """Make the current owner the owner of a file, and move it into ``SPOOL_DIR``.

    For files of a database that was renamed or moved, and of an unknown owner. Raises
    ``UnknownSpoolOwner``, ``UnreadableSpoolFile`` and ``OSError``.
    """
    owner = _current_owner()
    with spool_files.opened(path) as file:
        header = spool_files.read_header(file)
        body = spool_files.read_body(file, header)
        token = str(spool_files.request_of(header, body).token)
    folder = app_settings.spool_dir or path.parent
    spool_files.make_folder(folder)
    target = _target(folder, token, owner)
    spool_files.write(target, header | owner.header, body)
    if target.resolve() != path.resolve():
        path.unlink()
