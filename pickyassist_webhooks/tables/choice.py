"""Which way of writing rows is taken on a database. All lead to the same rows."""

from __future__ import annotations

from functools import cache

from django.db import connections, models

from .orm import Table, Writes
from .postgres import PostgresTable, PostgresWrites
from .sqlite import SqliteTable

_TABLES: dict[str, type[Table]] = {"postgresql": PostgresTable, "sqlite": SqliteTable}
_WRITES: dict[str, type[Writes]] = {"postgresql": PostgresWrites}


def table_of(model: type[models.Model], database: str) -> Table:
    """Return the table of a model in a database."""
    return _table(_TABLES.get(connections[database].vendor, Table), model, database)  # type: ignore[arg-type]


def writes_of(database: str) -> Writes:
    """Return what is to be written to a database, nothing so far."""
    return _WRITES.get(connections[database].vendor, Writes)(database)


@cache
def _table(kind: type[Table], model: type[models.Model], database: str) -> Table:
    return kind(model, database)
