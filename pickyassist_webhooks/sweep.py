"""The sweep: everything that is due, oldest first. The worker, and the net below every engine."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable

from django.db import transaction
from django.db.models.functions import Length

from . import spool
from .choices import RequestState
from .exceptions import UnreadableSpoolFile
from .ingest import requests
from .models.requests import database_of_requests
from .transactions import start_anew
from .worker import work, work_together

logger = logging.getLogger(__name__)

#: Requests that are processed in one transaction, and the bytes that may be in it.
BATCH = 100
_MAX_BYTES = 1024 * 1024

#: What ``sweep`` counts besides the states in which requests end.
DRAINED = "drained"

Progress = Callable[[Counter[str]], None]


def never() -> bool:
    """Return ``False``: a sweep that is not to be stopped."""
    return False


def ignore(counts: Counter[str]) -> None:
    """Do nothing with what a sweep has done so far."""


def sweep(
    batch: int = BATCH, stop: Callable[[], bool] = never, progress: Progress = ignore
) -> Counter[str]:
    """Drain the spool, process every request that is due, and count the states they end in.

    ``batch`` small requests go into one transaction. ``stop`` is asked between requests, and
    ``progress`` told after each batch. Raises what the database raises where it cannot be asked.
    """
    counts: Counter[str] = Counter()
    if drained := drain(stop):
        counts[DRAINED] = drained
    last = 0
    while not stop():
        due = requests().due().filter(pk__gt=last).annotate(size=Length("body"))
        candidates = list(due.values_list("pk", "attempts", "size")[:batch])
        if not candidates:
            break
        together = _together(candidates)
        last = together[-1]
        counts.update(_process(together, stop))
        progress(counts)
    return counts


def drain(stop: Callable[[], bool] = never) -> int:
    """Insert the spooled requests into the database, oldest first, and return how many.

    Their place in line is that of now. What the database does not take is left for later.
    """
    drained = 0
    try:
        waiting = spool.waiting()
    except OSError as err:
        logger.error("The spool cannot be read: %s", err)
        return 0
    for path in waiting:
        if stop():
            break
        try:
            requests().keep_once(spool.read(path))
            spool.remove(path)
        except FileNotFoundError:
            continue  # another worker was faster
        except (UnreadableSpoolFile, OSError) as err:
            logger.error("The spool file %s is left where it is: %s", path.name, err)
            continue
        except Exception as err:
            logger.error("The spool file %s is left for later: %s", path.name, type(err).__name__)
            _drop_connection()
            if not _is_there():
                break
            continue  # it is this one that the database does not take
        drained += 1
    return drained


def _is_there() -> bool:
    """Tell whether the database answers."""
    try:
        requests().only("pk").first()
    except Exception:
        return False
    return True


def _together(candidates: list[tuple[int, int, int]]) -> list[int]:
    """Return the ids at the beginning that go into one transaction.

    Large ones go alone, and so does what was tried before: it may be what killed a worker, and
    must not take its neighbours along again.
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


def _process(pks: list[int], stop: Callable[[], bool]) -> Iterable[str]:
    """Process these requests and return the states they end in, of those that were free."""
    try:
        claimed = requests().claim(pks)
        fresh = [request for request in claimed if request.is_fresh]
        if len(fresh) > 1:
            work_together(fresh, stop)
        else:
            fresh = []
        for request in claimed:
            if request not in fresh:
                work(request)
    except Exception as err:  # they stay due, and cost no other its turn
        logger.error("%d requests stay due: %s", len(pks), type(err).__name__)
        _drop_connection()
        return []
    return [RequestState(request.state).value for request in claimed]


def _drop_connection() -> None:
    connection = transaction.get_connection(database_of_requests())
    if not connection.in_atomic_block:
        start_anew(connection)  # it may be what is broken
