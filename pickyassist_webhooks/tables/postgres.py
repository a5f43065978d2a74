"""On PostgreSQL each statement is a journey, and so all that is to be written makes one together.

Sets of rows go there as one JSON text, which is written and read faster than literals.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cached_property
from operator import attrgetter
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connections, models

from .compiled import CompiledTable, prepared_column
from .orm import BATCH, Change, Insert, Update, Values, Writes


class PostgresTable(CompiledTable):
    having_keys = "WHERE key = ANY(%s) ORDER BY key FOR UPDATE"

    def keep(self, row: Any) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(f"{self.insertion} RETURNING id", self.values(row))
            [row.pk] = cursor.fetchone()
        row._state.adding, row._state.db = False, self.database

    def insert(self, rows: list[Any]) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(self.inserting, [as_json(rows, self.written)])
            give_ids(rows, cursor.fetchall())

    def update(self, rows: list[Any]) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(self.updating, [as_json(rows, self.updated)])

    def lock(self, pks: list[int], held: Values) -> int:
        statement = f"SELECT id FROM {self.name} {self.where(len(pks), held)} FOR UPDATE"  # noqa: S608
        with self.connection.cursor() as cursor:
            cursor.execute(statement, self.prepared(held) + pks)
            return len(cursor.fetchall())

    def set_of(self, keys: list[str]) -> list[str]:
        return keys

    @cached_property
    def updated(self) -> list[Any]:
        return [self.model._meta.pk, *self.changing]

    @cached_property
    def inserting(self) -> str:
        """The statement that inserts a set and returns the id and key of each row."""
        columns = self.columns(self.written)
        rows = f"SELECT {columns} FROM {self._source}"  # noqa: S608
        return f"INSERT INTO {self.name} ({columns}) {rows} RETURNING id, key"

    @cached_property
    def updating(self) -> str:
        """The statement that updates a set."""
        columns = [self.quoted(field.column) for field in self.changing]
        changes = ", ".join(f"{column} = source.{column}" for column in columns)
        return (
            f"UPDATE {self.name} SET {changes}"  # noqa: S608
            f" FROM {self._source} WHERE {self.name}.id = source.id"
        )

    @property
    def _source(self) -> str:
        return f"json_populate_recordset(NULL::{self.name}, %s::json) AS source"


class PostgresWrites(Writes):
    def execute(self) -> None:
        if len(self.waiting) == 1 or sum(len(write.rows) for write in self.waiting) > BATCH:
            super().execute()
        elif self.waiting:
            self._execute_together()

    def _execute_together(self) -> None:
        # PostgreSQL promises no order among the parts and takes that of the SELECT: messages before
        # their reports, as everybody does, or some would wait for each other in a circle.
        parts, parameters = [], []
        for place, write in enumerate(self.waiting):
            statement, values = _statement(write)
            parts.append(f"write_{place} AS ({statement})")
            parameters += values
        returned = " UNION ALL ".join(
            f"SELECT {place}, id, key FROM write_{place}"  # noqa: S608
            for place in range(len(parts))
        )
        with connections[self.database].cursor() as cursor:
            cursor.execute(f"WITH {', '.join(parts)} {returned}", parameters)
            found: list[list[tuple[int, str]]] = [[] for _ in parts]
            for place, pk, key in cursor.fetchall():
                found[place].append((pk, key))
        for write, rows in zip(self.waiting, found, strict=True):
            if isinstance(write, Insert):
                give_ids(write.rows, rows)
                write.done()
            elif isinstance(write, Change):
                write.done(len(rows))


def _statement(write: Any) -> tuple[str, list[Any]]:
    """Return what writes, as a part of a larger statement, and its parameters."""
    table: PostgresTable = write.table
    if isinstance(write, Insert):
        return table.inserting, [as_json(write.rows, table.written)]
    if isinstance(write, Update):
        updating = f"{table.updating} RETURNING {table.name}.id, '' AS key"
        return updating, [as_json(write.rows, table.updated)]
    pks = [row.pk for row in write.rows]
    changing, parameters = table.compiled_change(pks, write.held, write.changes)
    return f"{changing} RETURNING id, '' AS key", parameters


def give_ids(rows: list[Any], returned: Iterable[tuple[int, str]]) -> None:
    """Give new rows their ids, which the database returned with their keys."""
    ids = {key: pk for pk, key in returned}
    for row in rows:
        row.pk = ids[row.key]


def as_json(rows: list[Any], fields: list[Any]) -> str:
    """Return rows as a JSON list of objects, by the names of their columns."""
    names = [field.column for field in fields]
    columns = [_column(rows, field) for field in fields]
    objects = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    return json.dumps(objects, cls=DjangoJSONEncoder)


def _column(rows: list[Any], field: Any) -> Iterable[Any]:
    if isinstance(field, models.DateTimeField):
        # By itself, as Django's encoder cuts a moment to milliseconds.
        return prepared_column(rows, field, str)
    return map(attrgetter(field.attname), rows)
