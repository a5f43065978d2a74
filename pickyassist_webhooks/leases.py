"""The lease that a worker holds on the requests it has claimed.

A lease is a pair of columns, ``claimed_by`` and ``due_at``. Whoever finds both as it wrote them
holds the row, so every write of a worker says what it expects to find there.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from django.utils import timezone

from .exceptions import LeaseLost
from .models import WebhookRequest
from .models.requests import LEASE
from .tables.choice import table_of, writes_of
from .tables.orm import Writes


def hold(writes: Writes, batch: list[WebhookRequest], **changes: Any) -> None:
    """Add to ``writes`` what rows claimed together become while our lease on them stands.

    Where it does not, executing them raises ``LeaseLost``.
    """
    first = batch[0]
    held = {"due_at": first.due_at, "claimed_by": first.claimed_by}
    table = table_of(WebhookRequest, writes.database)
    writes.change(table, batch, held, changes, _lost(first))


def write(batch: list[WebhookRequest], **changes: Any) -> None:
    """Write to rows claimed together, in one statement.

    Raises ``LeaseLost`` where another worker has them.
    """
    writes = writes_of(str(batch[0]._state.db))
    hold(writes, batch, **changes)
    writes.execute()


def lock(batch: list[WebhookRequest]) -> None:
    """Lock rows claimed together until the transaction ends, however long that takes.

    Or another worker would claim them once the lease has passed, where storing is slow. Raises
    ``LeaseLost`` where one did already.
    """
    first = batch[0]
    held = {"due_at": first.due_at, "claimed_by": first.claimed_by}
    table = table_of(WebhookRequest, str(first._state.db))
    if table.lock([request.pk for request in batch], held) != len(batch):
        raise _lost(first)


def _lost(request: WebhookRequest) -> LeaseLost:
    return LeaseLost(f"expected to hold request {request.token}, another worker does")


def advance(batch: list[WebhookRequest], **changes: Any) -> None:
    """``write``, and have the requests say so."""
    write(batch, **changes)
    for request in batch:
        vars(request).update(changes)


def keeper(batch: list[WebhookRequest]) -> Callable[[], None]:
    """Return a function that renews the lease on all of ``batch`` once a third has passed."""

    def keep_lease() -> None:
        now = timezone.now()
        if batch[0].due_at - now < LEASE * 2 / 3:
            advance(batch, due_at=now + LEASE)

    return keep_lease


def give_back(batch: list[WebhookRequest]) -> None:
    """Let another worker go on at once with requests that this one will not finish."""
    if batch:
        with suppress(LeaseLost):
            advance(batch, due_at=timezone.now(), claimed_by="")
