"""The requests with a wrong secret, counted without a row or a statement for each.

A process adds them up in memory. It writes the sum at most once in ten seconds, so a stranger who
guesses secrets can neither fill the table nor keep the database busy.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from datetime import datetime, timedelta

from django.core import mail
from django.db import connections
from django.utils import timezone

from ..models.moments import in_utc, later
from ..models.refusals import MINUTE, add_refusals, refusals_since
from . import spool_owners

logger = logging.getLogger(__name__)

#: Seconds between two writes of a process, at least.
PAUSE = 10.0

#: Counts that wait in memory, at most: one for each minute, and for each tenant. The oldest go.
MAX_PENDING = 600

#: The tenant, as in the names of spooled files, and the minute.
_Key = tuple[str, datetime]


class Refusals:
    """The refused requests of this process that are not written yet."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pending: Counter[_Key] = Counter()
        self._write_at = 0.0
        self._timer: threading.Timer | None = None

    def add(self) -> None:
        """Count a refused request. Raises nothing: its answer must not depend on a database."""
        minute = in_utc(timezone.now()).replace(second=0, microsecond=0)
        tenant = spool_owners.current().mark
        with self._lock:
            self._pending[tenant, minute] += 1
            while len(self._pending) > MAX_PENDING:
                del self._pending[next(iter(self._pending))]
            is_due = time.monotonic() >= self._write_at
            if is_due:
                self._take_turn()
            else:
                self._write_later(tenant)
        if is_due:
            self.write()

    def recent(self, since: datetime) -> int:
        """Return how many requests all processes have refused since a moment.

        The last seconds of other processes are missing.
        """
        tenant = spool_owners.current().mark
        with self._lock:
            own = sum(
                count
                for (of_tenant, minute), count in self._pending.items()
                if of_tenant == tenant and minute > in_utc(since) - MINUTE
            )
        return refusals_since(since) + own

    def write(self) -> None:
        """Write the counts of the current tenant; if that fails, keep them for later."""
        tenant = spool_owners.current().mark
        with self._lock:
            keys = [key for key in self._pending if key[0] == tenant]
            counts = {key: self._pending.pop(key) for key in keys}
        try:
            for key in list(counts):
                add_refusals(key[1], counts[key])
                del counts[key]
        except Exception as err:
            logger.warning("Could not count refused requests (%s)", type(err).__name__)
            with self._lock:
                self._pending.update(counts)
                self._take_turn()
                self._write_later(tenant)

    def forget(self) -> None:
        """Forget the counts that are not written: the next test begins without them."""
        with self._lock:
            self._take_turn()
            self._write_at = 0.0
            self._pending.clear()

    def _take_turn(self) -> None:
        """Let no other thread write for ``PAUSE``. The caller holds the lock."""
        self._write_at = time.monotonic() + PAUSE
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _write_later(self, tenant: str) -> None:
        """Write later, if no request comes that would: a burst of guesses may have ended."""
        # A thread has no tenant. In a project's tests, it would write into the next test.
        if tenant or self._timer is not None or hasattr(mail, "outbox"):
            return
        seconds = self._write_at - time.monotonic()
        self._timer = threading.Timer(seconds, self._write_in_thread)
        self._timer.daemon = True
        self._timer.start()

    def _write_in_thread(self) -> None:
        with self._lock:
            if self._timer is not threading.current_thread():
                return  # another thread was faster
            self._take_turn()
        try:
            self.write()
        finally:
            connections.close_all()  # those of this thread


#: Those of this process.
refusals = Refusals()


def recent_refusals(now: datetime) -> int:
    """Return how many requests had a wrong secret in the last hour."""
    return refusals.recent(later(now, -timedelta(hours=1)))
