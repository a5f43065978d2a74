"""Rows that a worker claims before it works on them: requests, and calls of receivers that failed.

A lease is a pair of columns, ``claimed_by`` and ``due_at``. A worker holds a row if both are still
as it wrote them. So every update of a worker is guarded by both.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterable
from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import models, transaction
from django.db.models import Case, F, Value, When
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ..parsing.characters import printable
from .columns import ExactCharField, InstantField, Row, UnicodeTextField
from .moments import elapsed, later

if TYPE_CHECKING:
    from typing_extensions import Self

#: How long a worker's claim lasts. The worker renews it while it works on the row; after a crash
#: another worker can claim the row when this time has passed.
LEASE = timedelta(seconds=60)


class LeasedQuerySet(models.QuerySet[Row]):
    def due(self) -> Self:
        """Return the rows that a worker should work on now, oldest first."""
        return self.filter(due_at__lte=timezone.now()).order_by("pk")

    def claim(self, pks: Iterable[int]) -> list[Row]:
        """Claim the due ones of these rows, and return them, oldest first.

        One conditional UPDATE, so that only one worker gets each row. Rows that another worker has
        locked are skipped, if the database supports it (``SKIP LOCKED``).
        """
        claim = {"due_at": later(timezone.now(), LEASE), "claimed_by": worker()}
        wanted = self.filter(pk__in=list(pks))
        can_skip = transaction.get_connection(self.db).features.has_select_for_update_skip_locked
        due = wanted.due()
        with transaction.atomic(using=self.db) if can_skip else nullcontext():
            if can_skip:
                locked = due.select_for_update(skip_locked=True).values_list("pk", flat=True)
                # By their ids alone: MariaDB would find them again by their moments, and lock rows
                # of other workers on the way.
                due = self.filter(pk__in=list(locked))
            # A name that is still there means a crash: the worker neither finished nor released it.
            crashes = Case(When(claimed_by="", then=Value(0)), default=Value(1))
            claimed = due.order_by().update(
                attempts=F("attempts") + 1, crash_count=F("crash_count") + crashes, **claim
            )
        return list(wanted.filter(**claim).order_by("pk")) if claimed else []


class Leased(models.Model):
    """The columns of a claim, and of the attempts so far."""

    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    error = UnicodeTextField(_("last error"), blank=True)
    # The worker that claims the row, or blank; the number of workers that crashed on it.
    claimed_by = ExactCharField(_("claimed by"), max_length=100, blank=True, editable=False)
    crash_count = models.PositiveIntegerField(_("crashes"), default=0)
    # End of the current claim, or of the pause after a failure.
    due_at = InstantField(_("due at"))

    class Meta:
        abstract = True

    @property
    def is_recovered(self) -> bool:
        """Whether a worker crashed on this row: its next step may crash another."""
        return self.crash_count > 0

    def is_claimed(self, now: datetime) -> bool:
        """Tell whether a worker claims this row at ``now``."""
        if not self.claimed_by or self.due_at is None:
            return False
        return elapsed(now, self.due_at) > timedelta()

    @property
    def claim(self) -> dict[str, Any]:
        """The columns that guard an update: another worker that took over has changed them."""
        return {"claimed_by": self.claimed_by, "due_at": self.due_at}


def is_claimed(now: datetime) -> models.Q:
    """Return the condition for rows that a worker claims at ``now``."""
    return ~models.Q(claimed_by="") & models.Q(due_at__gt=now)


def worker() -> str:
    """Return the name for claims of this thread: its host, process and thread."""
    return printable(f"{socket.gethostname()}:{os.getpid()}:{threading.get_native_id()}", 100)


def pause_after(attempts: int, now: datetime) -> datetime:
    """Return the next retry after so many attempts: 30 seconds, growing fourfold up to 6 hours."""
    seconds = min(30 * 4 ** (min(attempts, 8) - 1), 6 * 3600)
    return later(now, timedelta(seconds=seconds))
