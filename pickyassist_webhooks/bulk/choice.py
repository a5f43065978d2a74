"""Choose the writer of a database."""

from __future__ import annotations

from django.db import connections

from .compiled import SqliteWriter
from .postgres import PostgresWriter
from .writer import Writer

WRITERS: dict[str, type[Writer]] = {"postgresql": PostgresWriter, "sqlite": SqliteWriter}


def writer_of(database: str) -> Writer:
    """Return a writer of a database, to be used for one transaction."""
    return WRITERS.get(connections[database].vendor, Writer)(database)
