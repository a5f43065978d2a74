"""Views that commit on their own, whatever ``ATOMIC_REQUESTS`` says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.db import connections, transaction

View = TypeVar("View", bound=Callable[..., Any])


def outside_of_transactions(view: View) -> View:
    """Exempt a view from ``ATOMIC_REQUESTS`` on every database, as a router may name any.

    A transaction around it would undo the raw row together with whatever failed after it, and
    call receivers before anything is committed.
    """
    for alias in connections:
        view = transaction.non_atomic_requests(using=alias)(view)
    return view
