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

    Their place in line is that of now. Stops at the first one that the database does not take.
    """
    drained = 0
    for path in spool.waiting():
        if stop():
            break
        try:
            requests().keep_once(spool.read(path))
        except FileNotFoundError:
            continue  # another worker was faster
        except (UnreadableSpoolFile, OSError) as err:
            logger.error("The spool file %s is left where it is: %s", path.name, err)
            continue
        except Exception as err:
            logger.error("The spool is left for later: %s", type(err).__name__)
            _drop_connection()
            break
        spool.remove(path)
        drained += 1
    return drained


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
        if len(claimed) == 1:
            work(claimed[0])
        elif claimed:
            work_together(claimed, stop)
    except Exception as err:  # they stay due, and cost no other its turn
        logger.error("%d requests stay due: %s", len(pks), type(err).__name__)
        _drop_connection()
        return []
    return [RequestState(request.state).value for request in claimed]


def _drop_connection() -> None:
    connection = transaction.get_connection(database_of_requests())
    if not connection.in_atomic_block:
        start_anew(connection)  # it may be what is broken
