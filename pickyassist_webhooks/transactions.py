"""Our own transactions: those that others begin, or leave open, must not undo our rows."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from operator import attrgetter
from typing import Any, TypeVar

from django.db import DatabaseError, connections, transaction
from django.db import Error as DatabaseFault
from django.db.backends.base.base import BaseDatabaseWrapper

# How a driver tells whether its connection is in a transaction. psycopg uses codes: 0 is idle, 4 is
# a broken connection.
_IN_TRANSACTION: dict[str, Callable[[Any], bool]] = {
    "sqlite": attrgetter("in_transaction"),
    "postgresql": lambda raw: 0 < raw.info.transaction_status < 4,
}

#: Attempts to store rows if other workers are faster, and the shortest pause in seconds.
MAX_RACES = 8
SHORTEST_PAUSE = 0.005

View = TypeVar("View", bound=Callable[..., Any])
Result = TypeVar("Result")

#: Of each connection of this thread, by alias: the number of nested transactions, autocommit, and
#: whether a transaction is open that Django does not see.
TransactionStates = dict[str, tuple[int, bool, bool]]


def outside_of_transactions(view: View) -> View:
    """Exempt a view from ``ATOMIC_REQUESTS`` on every database, as a router may name any.

    A transaction around it would undo the raw row after any later failure, and call receivers
    before the commit.
    """
    for alias in connections:
        view = transaction.non_atomic_requests(using=alias)(view)
    return view


def transaction_states() -> TransactionStates:
    return {
        connection.alias: _state_of(connection)
        for connection in connections.all(initialized_only=True)
    }


def _state_of(connection: BaseDatabaseWrapper) -> tuple[int, bool, bool]:
    if connection.connection is None:
        return _idle_state(connection)
    nested = len(connection.savepoint_ids) + connection.in_atomic_block
    return nested, connection.autocommit, has_unseen_transaction(connection)


def has_unseen_transaction(connection: BaseDatabaseWrapper) -> bool:
    """Tell whether a transaction was begun in plain SQL, so that Django does not see it.

    Always ``False`` on MariaDB, whose driver cannot tell.
    """
    ask = _IN_TRANSACTION.get(connection.vendor, lambda _: False)
    is_plain = connection.autocommit and not connection.in_atomic_block
    try:
        return is_plain and ask(connection.connection)
    except Exception:  # the driver of SQLite raises if it is closed
        return False


def end_transactions(before: TransactionStates) -> list[str]:
    """Roll back transactions that were left open since ``before``; return their aliases.

    Rows that we write in such a transaction would never be committed.
    """
    left_open = []
    for alias, state in transaction_states().items():
        earlier = before.get(alias) or _idle_state(connections[alias])
        if state != earlier:
            left_open.append(alias)
            if earlier == _idle_state(connections[alias]):
                reconnect(connections[alias])
    return left_open


def nesting_of(error: Exception) -> str:
    """Return the cause of an error, for a log, if it is someone else's transaction."""
    # Django has no class of its own for that.
    is_nested = isinstance(error, RuntimeError) and "durable" in str(error)
    hint = ", because a transaction is open around the view: exempt the webhook's path from it"
    return hint if is_nested else ""


def once_committed(database: str, do: Callable[[], object]) -> bool:
    """Call ``do`` as soon as this thread's writes to a database are committed.

    That is at once if no transaction is open, and never if the open one is rolled back. Return
    ``False``, and do nothing, if Django cannot see the commit: autocommit is off, or the
    transaction was begun in plain SQL.
    """
    connection = transaction.get_connection(database)
    if connection.in_atomic_block:
        # A test calls it before the rows are rolled back, if it captures the callbacks.
        def do_if_committed() -> None:
            if not connection.in_atomic_block:
                do()

        transaction.on_commit(do_if_committed, using=database, robust=True)
        return True
    if not connection.get_autocommit() or _is_in_plain_transaction(connection):
        return False
    do()
    return True


def _is_in_plain_transaction(connection: BaseDatabaseWrapper) -> bool:
    if connection.vendor == "mysql":
        # This costs a statement, because the driver cannot tell.
        with connection.cursor() as cursor:
            cursor.execute("SELECT @@in_transaction")
            return bool(cursor.fetchone()[0])
    return has_unseen_transaction(connection)


def _idle_state(connection: BaseDatabaseWrapper) -> tuple[int, bool, bool]:
    return (0, connection.settings_dict["AUTOCOMMIT"], False)


def _require_autocommit(connection: BaseDatabaseWrapper) -> None:
    """Raise ``RuntimeError`` if someone else commits: Django's ``atomic`` then commits nothing."""
    if not connection.in_atomic_block and not connection.get_autocommit():
        raise RuntimeError("autocommit is off, so nothing would be committed")


@contextmanager
def committed(database: str) -> Iterator[None]:
    """Commit one statement: it commits itself unless a transaction is open.

    Raises ``RuntimeError`` inside a transaction of Django, because nothing would be committed.
    """
    connection = connections[database]
    _require_autocommit(connection)
    is_open = connection.in_atomic_block or has_unseen_transaction(connection)
    # MariaDB's driver cannot tell, and a commit there ends such a transaction, too.
    is_open = is_open or connection.vendor == "mysql"
    with transaction.atomic(using=database, durable=True) if is_open else nullcontext():
        yield


@contextmanager
def own_transaction(database: str) -> Iterator[None]:
    """Commit all that is written, together.

    On SQLite it begins with the one lock that all writers share: after a read, SQLite refuses to
    write if another worker wrote since. Raises as ``committed`` does.
    """
    connection: Any = connections[database]
    _require_autocommit(connection)  # it also connects, which sets the mode
    mode = getattr(connection, "transaction_mode", None)
    connection.transaction_mode = "IMMEDIATE"  # only SQLite's backend reads it
    try:
        with transaction.atomic(using=database, durable=True):
            connection.transaction_mode = mode
            yield
    finally:
        connection.transaction_mode = mode


def commit_unseen(database: str) -> None:
    """Commit, on MariaDB, a transaction that a receiver began in plain SQL and left open.

    Its driver cannot tell that one is open, and what we wrote would be lost with it. Raises errors
    of the driver.
    """
    connection = connections[database]
    if _may_be_unseen(connection):
        connection.connection.commit()


def roll_back_unseen() -> None:
    """Roll back, on MariaDB, a transaction that a receiver began in plain SQL before it raised."""
    for connection in connections.all(initialized_only=True):
        if _may_be_unseen(connection):
            with suppress(Exception):  # the connection is gone, and so is the transaction
                connection.connection.rollback()


def _may_be_unseen(connection: BaseDatabaseWrapper) -> bool:
    is_open = connection.connection is not None and connection.vendor == "mysql"
    # Not if the caller commits: Django sees that.
    return is_open and connection.autocommit and not connection.in_atomic_block


def one_session(database: str) -> AbstractContextManager[None]:
    """Keep a session of PostgreSQL for a cursor: a pooler can give each transaction another one.

    Elsewhere there is no such cursor, and on SQLite a transaction can wait for a writer.
    """
    is_postgresql = connections[database].vendor == "postgresql"
    return transaction.atomic(using=database, savepoint=False) if is_postgresql else nullcontext()


def with_reconnect(database: str, write: Callable[[], Result]) -> Result:
    """Return the result of ``write``; if the database fails, run it again on a new connection.

    A receiver may take longer than a server keeps an idle session. Inside a transaction the error
    is raised: the caller must run the whole transaction again.
    """
    connection: Any = connections[database]
    try:
        return write()
    # Closing a cursor of a lost connection raises the driver's own error.
    except (DatabaseFault, connection.Database.Error):
        if connection.in_atomic_block:
            raise
        reconnect(connection)
        return write()


def with_retries(database: str, attempt: Callable[[int], Result]) -> Result:
    """Return the result of ``attempt``; if the database fails, try again: ``MAX_RACES`` attempts.

    Another worker may have been faster, and the next attempt finds its rows. ``attempt`` is given
    the number of attempts that failed.
    """
    races = 0
    while True:
        try:
            return attempt(races)
        except DatabaseError:
            races += 1
            connection = connections[database]
            # MariaDB ends the whole transaction of the caller if it deadlocks.
            is_over = connection.in_atomic_block and connection.needs_rollback
            if races == MAX_RACES or is_over:
                raise
        drop_dead_connections()
        # Workers that collided must not retry at the same time.
        time.sleep(random.uniform(0, SHORTEST_PAUSE * 2**races))  # noqa: S311 -- no secret


def drop_dead_connections() -> None:
    """Reconnect, at the next use, each connection of this thread that its server has closed."""
    for connection in connections.all(initialized_only=True):
        is_open = connection.connection is not None and not connection.in_atomic_block
        if is_open and not connection.is_usable():
            reconnect(connection)


def reconnect_to(database: str) -> None:
    """Reconnect to a database that may be broken, but not inside a transaction of the caller."""
    connection = connections[database]
    if not connection.in_atomic_block:
        reconnect(connection)


def reconnect(connection: BaseDatabaseWrapper) -> None:
    """Drop a connection that is broken, or in a transaction that no one will end.

    The next statement opens a new one.
    """
    # Each step may fail if the connection is broken; closing drops it anyway.
    with suppress(Exception):
        # SQLite keeps a closed connection, and its locks, while one of its cursors is alive.
        connection.connection.rollback()
    with suppress(Exception):
        if connection.settings_dict["OPTIONS"].get("pool"):
            # An open session would return to the pool, which would give it to us again.
            connection.connection.close()
    with suppress(Exception):
        connection.close()
    if connection.closed_in_transaction:
        connection.connect()
