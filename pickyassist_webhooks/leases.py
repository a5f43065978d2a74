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


def advance(batch: list[WebhookRequest], **changes: Any) -> None:
    """Write to rows claimed together while our lease on them stands.

    Raises ``LeaseLost`` where it does not.
    """
    first = batch[0]
    held = WebhookRequest.objects.using(first._state.db).filter(
        pk__in=[request.pk for request in batch],
        due_at=first.due_at,
        claimed_by=first.claimed_by,
    )
    if held.update(**changes) != len(batch):
        raise LeaseLost(f"expected to hold request {first.token}, another worker does")
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
