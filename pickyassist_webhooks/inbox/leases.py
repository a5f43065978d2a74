"""Updates of the rows that this worker has claimed together: requests, or calls to make again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.db import connections
from django.db.models import F
from django.utils import timezone

from ..bulk import writer_of
from ..bulk.plan import Change
from ..models.leases import LEASE, Leased
from ..models.moments import in_utc, later
from ..transactions import with_reconnect


def never() -> bool:
    """Return ``False``, so that the work is not stopped."""
    return False


def _held(batch: Sequence[Leased]) -> Any:
    """Return the rows of a batch that no other worker has taken over."""
    rows: Any = type(batch[0])._default_manager.using(batch[0]._state.db)
    return rows.filter(pk__in=[row.pk for row in batch], **batch[0].claim)


def lock(batch: Sequence[Leased]) -> None:
    """Lock rows that were claimed together until the transaction ends.

    Otherwise another worker would claim them if storing takes longer than the lease. Raises
    ``LeaseLost`` if one already did.
    """
    held = _held(batch)
    # On SQLite, a transaction has the only lock of the database, and its last write checks.
    if connections[held.db].features.has_select_for_update:
        Change(list(batch), {}).check(len(held.select_for_update().values_list("pk")))


def advance(
    batch: Sequence[Leased], lazy: bool = False, own: tuple[str, ...] = (), **changes: Any
) -> None:
    """Update rows and objects that were claimed together, with one guarded statement.

    In the columns ``own`` each row gets the value of its object. Raises ``LeaseLost`` if another
    worker has them.
    """
    database = str(batch[0]._state.db)
    change = Change(list(batch), changes, lazy, own)
    with_reconnect(database, lambda: writer_of(database).write([change]))
    for row in batch:
        vars(row).update(changes)


def renewal(batch: Sequence[Leased]) -> Callable[[], None]:
    """Return a function that renews the lease on all of ``batch`` after a third of it."""
    renew_at = in_utc(batch[0].due_at) - LEASE * 2 / 3

    def renew() -> None:
        nonlocal renew_at
        now = timezone.now()
        if in_utc(now) > renew_at:
            advance(batch, due_at=later(now, LEASE))
            renew_at = in_utc(now) + LEASE / 3

    return renew


def release(batch: Sequence[Leased]) -> None:
    """Release rows that this worker did not begin, so that another can claim them.

    Their claim was no attempt. Rows that another worker has taken over stay as they are.
    """
    if not batch:
        return
    held, now = _held(batch), timezone.now()
    changes = {"due_at": now, "claimed_by": "", "attempts": F("attempts") - 1}
    with_reconnect(held.db, lambda: held.update(**changes))
    for row in batch:
        vars(row).update(due_at=now, claimed_by="", attempts=row.attempts - 1)
