"""The sweep: process all that is due, oldest first. It is also the fallback of every engine."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from math import inf
from pathlib import Path

from django.db.models.functions import Length

from ..choices import RequestState
from ..exceptions import ForeignSpoolFile, NoSpoolFile, UnknownSpoolOwner, UnreadableSpoolFile
from ..models.requests import database_of_requests, requests
from ..transactions import once_committed, reconnect_to
from . import spool, worker
from .calls import call_again, due_calls
from .leases import never

logger = logging.getLogger(__name__)

#: Requests that are processed in one transaction, and their bytes, at most.
BATCH = 100
_MAX_BYTES = 1024 * 1024

#: Groups of calls that may fail for a fault of ours before the sweep leaves the rest to the next.
_MAX_FAILED = 10

#: The count of drained files, next to those of the final states.
DRAINED = "drained"

Progress = Callable[[Counter[str]], None]

_logged: set[Path] = set()


def ignore(counts: Counter[str]) -> None:
    """Ignore the progress of a sweep."""


def sweep(
    batch: int = BATCH,
    stop: Callable[[], bool] = never,
    progress: Progress = ignore,
    turn: float = inf,
) -> Counter[str]:
    """Drain the spool, process every request that is due, and count their final states.

    ``batch`` small requests share one transaction. ``stop`` is called between requests, and
    ``progress`` after each batch. After ``turn`` seconds no more requests are begun, and then no
    more calls, so that a worker with a backlog of hours still drains the spool. Raises the error of
    a database that cannot be read.
    """
    counts: Counter[str] = Counter()
    if drained := drain(stop):
        counts[DRAINED] = drained
    for states in chain(_due_requests(batch, stop, turn), _due_calls(stop, turn)):
        counts.update(states)
        progress(counts)
    return counts


def _due_requests(batch: int, stop: Callable[[], bool], turn: float) -> Iterator[list[str]]:
    """Process the due requests, and yield the states that each batch ends in."""
    last, end = 0, time.monotonic() + turn
    while not stop() and time.monotonic() < end:
        due = requests().due().filter(pk__gt=last).annotate(size=Length("body"))
        candidates = list(due.values_list("pk", "attempts", "size")[:batch])
        if not candidates:
            break
        together = _together(candidates)
        last = together[-1]
        yield _process(together, stop)


def _due_calls(stop: Callable[[], bool], turn: float) -> Iterator[list[str]]:
    """Make the due calls, and yield the state of their request after those of each request."""
    failed = missed = 0
    end = time.monotonic() + turn
    while not stop() and time.monotonic() < end and (pks := due_calls()):
        try:
            request = call_again(pks, stop)
        except Exception as err:  # they are due again when the claim has passed
            logger.error("Will retry %d calls of receivers: %s", len(pks), type(err).__name__)
            if not _is_there() or (failed := failed + 1) == _MAX_FAILED:
                break
            continue
        missed = 0 if request else missed + 1
        if missed == _MAX_FAILED:
            break  # another transaction has locked these calls
        yield [RequestState(request.state).value] if request else []


def drain(stop: Callable[[], bool] = never) -> int:
    """Insert the spooled requests into the database, oldest first, and return how many.

    They queue behind the requests that are there now. Files of another database or scope are
    skipped. Files that the database refuses are kept for later.
    """
    drained = 0
    try:
        waiting = spool.waiting()
    except (OSError, UnknownSpoolOwner) as err:
        logger.error("Could not read the spool: %s", err)
        return 0
    for path in waiting:
        if stop():
            break
        try:
            drained += _drain(path)
        except (FileNotFoundError, ForeignSpoolFile):
            continue  # another worker was faster, or must take it
        except (NoSpoolFile, UnknownSpoolOwner) as err:
            _log_once(logging.WARNING, path, err)
        except (UnreadableSpoolFile, OSError) as err:
            _log_once(logging.ERROR, path, err)
        except Exception as err:
            logger.error("Will retry the spool file %s: %s", path.name, type(err).__name__)
            if not _is_there():
                break  # otherwise the database refuses only this file
    return drained


def _drain(path: Path) -> bool:
    """Insert one spooled request, and delete its file once that is committed."""
    worker.keep(spool.read(path))
    # Another worker may have deleted it.
    if once_committed(database_of_requests(), partial(path.unlink, missing_ok=True)):
        return True
    logger.warning("Kept the spool file %s: its row is not committed yet", path.name)
    return False


def _log_once(level: int, path: Path, err: Exception) -> None:
    """Log a file that needs a person only once, as a worker sweeps each second."""
    if path not in _logged:
        _logged.add(path)
        logger.log(level, "Skipped the spool file %s: %s", path.name, err)


def _is_there() -> bool:
    """Reconnect to the database, and tell whether it answers."""
    reconnect_to(database_of_requests())
    try:
        requests().only("pk").first()
    except Exception:
        return False
    return True


def _together(candidates: list[tuple[int, int, int]]) -> list[int]:
    """Return the first ids, which share one transaction.

    A large request goes alone, and so does one that was tried before: it may have killed a worker,
    and must not affect its neighbours again.
    """
    together: list[int] = []
    room = _MAX_BYTES
    for pk, attempts, size in candidates:
        room -= size
        if together and (attempts or room < 0):
            break
        together.append(pk)
        if attempts:
            break
    return together


def _process(pks: list[int], stop: Callable[[], bool]) -> list[str]:
    """Claim and process these requests, and return the final states of the claimed ones."""
    try:
        claimed = requests().claim(pks)
        worker.work(claimed, stop)
    except Exception as err:  # they stay due, and do not block others
        logger.error("Will retry %d requests: %s", len(pks), type(err).__name__)
        reconnect_to(database_of_requests())
        return []
    return [RequestState(request.state).value for request in claimed]
