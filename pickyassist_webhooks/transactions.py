"""Transactions of our own: what others wrap around us, or leave open, must not undo our rows."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from operator import attrgetter
from typing import Any, TypeVar

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

# Whether a driver says that its connection is in a transaction. psycopg tells it by codes, of which
# 0 is idle, and 4 a connection that is broken.
_IN_TRANSACTION: dict[str, Callable[[Any], bool]] = {
    "sqlite": attrgetter("in_transaction"),
    "postgresql": lambda raw: 0 < raw.info.transaction_status < 4,
}

View = TypeVar("View", bound=Callable[..., Any])

#: Of each connection of this thread, by alias: how deep in transactions it is, if it commits by
#: itself, and if it is in a transaction that Django does not know of.
Depths = dict[str, tuple[int, bool, bool]]


def outside_of_transactions(view: View) -> View:
    """Exempt a view from ``ATOMIC_REQUESTS`` on every database, as a router may name any.

    A transaction around it would undo the raw row together with whatever failed after it, and
    call receivers before anything is committed.
    """
    for alias in connections:
        view = transaction.non_atomic_requests(using=alias)(view)
    return view


def depths() -> Depths:
    """Return how deep in transactions this thread is."""
    return {
        connection.alias: _at_rest(connection)
        if connection.connection is None
        else (
            len(connection.savepoint_ids) + connection.in_atomic_block,
            connection.autocommit,
            has_unseen_transaction(connection),
        )
        for connection in connections.all(initialized_only=True)
    }


def has_unseen_transaction(connection: BaseDatabaseWrapper) -> bool:
    """Tell whether a transaction was begun in plain SQL, in which nothing commits by itself.

    Always ``False`` on MariaDB, whose driver cannot tell.
    """
    ask = _IN_TRANSACTION.get(connection.vendor)
    if ask is None or connection.connection is None:
        return False
    is_plain = connection.autocommit and not connection.in_atomic_block
    return is_plain and ask(connection.connection)


def end_transactions(before: Depths) -> list[str]:
    """Undo what was begun after ``before`` and never ended; return the aliases it was left on.

    Whatever we wrote in such a transaction would never be committed.
    """
    after = depths()
    if after == before:
        return []
    left = []
    for alias, depth in after.items():
        at_rest = _at_rest(connections[alias])
        if depth != before.get(alias, at_rest):
            left.append(alias)
            if before.get(alias, at_rest) == at_rest:
                start_anew(connections[alias])
    return left


def _at_rest(connection: BaseDatabaseWrapper) -> tuple[int, bool, bool]:
    return (0, connection.settings_dict["AUTOCOMMIT"], False)


def start_anew(connection: BaseDatabaseWrapper) -> None:
    """Replace a connection that is broken, or in a transaction that nobody will end.

    The new one is opened by the next statement.
    """
    # Either may fail on what is broken already; closing forgets the connection all the same.
    with suppress(Exception):
        # SQLite keeps a closed connection, and its locks, while some cursor of it is alive.
        connection.connection.rollback()
    with suppress(Exception):
        connection.close()
    if connection.closed_in_transaction:
        connection.connect()
