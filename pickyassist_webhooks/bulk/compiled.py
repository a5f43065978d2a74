"""Statements that are made once for each model, and SQLite's way to use them.

Django's ORM compiles each statement again and prepares each value by itself, which takes longer
than the database does.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from operator import attrgetter, methodcaller
from typing import Any

from django.db import models

from .plan import Change, model_of
from .writer import Writer, changing_fields

#: Parameters of one statement of SQLite at most, unless it was built with fewer.
PARAMETERS = 32_766 if sqlite3.sqlite_version_info >= (3, 32) else 999

#: Fields whose Python values are converted for the database.
_CONVERTED = (models.DateTimeField, models.JSONField, models.UUIDField, models.BinaryField)

ALL = methodcaller("fetchall")
COUNT = attrgetter("rowcount")
_LAST_ID = attrgetter("lastrowid")


def quoted(name: str) -> str:
    """Return a name in SQL; SQLite and PostgreSQL quote alike."""
    return f'"{name}"'


def listed(fields: Iterable[Any]) -> str:
    return ", ".join(quoted(field.column) for field in fields)


class Table:
    """The fields of a model, and the parts of statements that name them."""

    def __init__(self, model: Any) -> None:
        self.fields = model._meta.concrete_fields
        self.names = [field.attname for field in self.fields]
        self.by_name = {field.name: field for field in self.fields}
        self.written = [field for field in self.fields if not field.primary_key]
        self.changing = changing_fields(model)
        self.name = quoted(model._meta.db_table)
        self.select = f"SELECT {listed(self.fields)} FROM {self.name}"  # noqa: S608
        self.insert = f"INSERT INTO {self.name} ({listed(self.written)})"
        self.insert_with_id = f"INSERT INTO {self.name} ({listed(self.fields)})"
        self.columns = [field.get_col(model._meta.db_table) for field in self.fields]


@cache
def table_of(model: Any) -> Table:
    return Table(model)


@cache
def _changing(model: Any, changed: tuple[str, ...], guarded: tuple[str, ...]) -> str:
    table = table_of(model)
    equals = [f"{quoted(table.by_name[name].column)} = %s" for name in (*changed, *guarded)]
    changes, guard = equals[: len(changed)], equals[len(changed) :]
    return f"UPDATE {table.name} SET {', '.join(changes)} WHERE {' AND '.join([*guard, 'id '])}"  # noqa: S608


class Compiled(Writer):
    #: The condition for a column that has one of a set of values; the set is one parameter.
    is_one_of: str

    def use_first(self, model: Any) -> None:
        """Do nothing: these databases notice transactions that wait for each other."""

    def execute(self, result: Callable[[Any], Any], statement: str, values: list[Any]) -> Any:
        """Execute a statement and return the result that its cursor has."""
        with self.connection.cursor() as cursor:
            cursor.execute(statement, values)
            return result(cursor)

    def change(self, step: Change) -> int:
        return int(self.execute(COUNT, *self.changing(step)))

    def changing(self, step: Change) -> tuple[str, list[Any]]:
        """Return the statement of a change, and its values."""
        model = model_of(step.rows)
        fields = table_of(model).by_name
        values = [
            fields[name].get_db_prep_value(value, self.connection, prepared=True)
            for name, value in (*step.changes.items(), *step.guard.items())
        ]
        statement = _changing(model, tuple(step.changes), tuple(step.guard)) + self.is_one_of
        return statement, [*values, self.as_set([row.pk for row in step.rows])]

    #: Makes one parameter of keys or ids.
    as_set: Callable[[list[Any]], Any]

    def loaded(self, model: Any, fetched: Iterable[Iterable[Any]]) -> dict[str, Any]:
        """Return rows by their keys. The converters are not cached: they belong to a thread."""
        table, connection = table_of(model), self.connection
        compiler: Any = self.rows_of(model).query.get_compiler(connection=connection)
        converters = compiler.get_converters(table.columns).items()
        rows = {}
        for values in map(list, fetched):
            for index, (converting, column) in converters:
                for convert in converting:
                    values[index] = convert(values[index], column, connection)
            row = model.from_db(self.database, table.names, values)
            rows[row.key] = row
        return rows


class SqliteWriter(Compiled):
    """Each set by one statement, as large as SQLite accepts.

    Not with ``executemany``, which costs the same: django-debug-toolbar fails on it with SQLite,
    and other packages that watch the database read the sets of values twice.
    """

    is_one_of = "IN (SELECT value FROM json_each(%s))"
    as_set = staticmethod(json.dumps)

    def insert(self, rows: list[Any]) -> None:
        table = table_of(model_of(rows))
        for part in _parts(rows, table):
            last = self._insert(table.insert, part, table.written)
            # Ids only grow, and no other worker writes until this transaction ends.
            for pk, row in enumerate(part, last - len(part) + 1):
                row.pk = pk

    def update(self, rows: list[Any]) -> None:
        table = table_of(model_of(rows))
        names = [quoted(field.column) for field in table.changing]
        changes = ", ".join(f"{name} = excluded.{name}" for name in names)
        for part in _parts(rows, table):
            or_else = f"ON CONFLICT (id) DO UPDATE SET {changes}"
            self._insert(table.insert_with_id, part, table.fields, or_else)

    def find_sorted(self, model: Any, keys: list[str], lock: bool) -> dict[str, Any]:
        statement = f"{table_of(model).select} WHERE key {self.is_one_of} ORDER BY key"
        fetched = self.execute(ALL, statement, [self.as_set(keys)])
        return self.loaded(model, fetched) if fetched else {}

    def _insert(self, into: str, rows: list[Any], fields: list[Any], or_else: str = "") -> int:
        """Insert rows with one statement and return the last id."""
        markers = f"({', '.join(['%s'] * len(fields))})"
        statement = f"{into} VALUES {', '.join([markers] * len(rows))} {or_else}"
        return int(self.execute(_LAST_ID, statement, list(self._values(rows, fields))))

    def _values(self, rows: list[Any], fields: list[Any]) -> Iterator[Any]:
        converters = [self._converter(field) for field in fields]
        for values in map(values_of(fields), rows):
            for value, convert in zip(values, converters, strict=True):
                yield convert(value) if convert else value

    def _converter(self, field: Any) -> Callable[[Any], Any] | None:
        if not isinstance(field, _CONVERTED):
            return None
        connection = self.connection
        return remembering(lambda value: field.get_db_prep_value(value, connection, prepared=True))


def _parts(rows: list[Any], table: Table) -> Iterator[list[Any]]:
    """Yield as many rows at once as fit into one statement."""
    size = PARAMETERS // len(table.fields)
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def values_of(fields: list[Any]) -> Callable[[Any], tuple[Any, ...]]:
    """Return a function that returns a row's values of several fields."""
    return attrgetter(*[field.attname for field in fields])


def remembering(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return ``convert`` for the values of a column; most equal the one before."""
    last = converted = None

    def remembered(value: Any) -> Any:
        nonlocal last, converted
        if value is None:
            return None
        # Convert it again unless it is the same time, or an empty ``extra`` again.
        if value is not last and (value or value != last):
            last, converted = value, convert(value)
        return converted

    return remembered
