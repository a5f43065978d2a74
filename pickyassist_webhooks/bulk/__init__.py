"""One writer of rows in sets for each kind of database. All write the same rows."""

from __future__ import annotations

from django.db import connections

from .mariadb import MariadbWriter
from .postgres import PostgresWriter
from .values import SqliteWriter
from .writer import Writer

#: The writer of each database, by its ``display_name``.
WRITERS: dict[str, type[Writer]] = {
    "PostgreSQL": PostgresWriter,
    "SQLite": SqliteWriter,
    "MariaDB": MariadbWriter,
}


def writer_of(database: str) -> Writer:
    """Return a writer of a database, to be used for one transaction."""
    connection = connections[database]
    # Django asks a server for its name, and would open one more connection for that.
    connection.ensure_connection()
    return WRITERS.get(connection.display_name, Writer)(database)
