"""Statements that are made once for each model, and SQLite's way to use them.

Django's ORM compiles each statement again and prepares each value by itself, which takes longer
than the database does.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from itertools import chain
from operator import attrgetter, methodcaller
from typing import Any

from django.db import models

from ..models.columns import InstantField
from .plan import NEW, OF_REQUEST, Change, model_of
from .writer import Writer, changing_fields

#: Parameters of one statement of SQLite at most, unless it was built with fewer.
PARAMETERS = 32_766 if sqlite3.sqlite_version_info >= (3, 32) else 999

ALL = methodcaller("fetchall")
COUNT = attrgetter("rowcount")
_LAST_ID = attrgetter("lastrowid")


def quoted(name: str) -> str:
    """Return a name in SQL; SQLite and PostgreSQL quote alike."""
    return f'"{name}"'


#: Values that are not sent as JSON: the statement has them. A request that is inserted with its
#: events gets its id by the statement.
_BLANK: tuple[Any, ...] = ("", None, {})
_NULL: tuple[Any, ...] = (None,)
_BLANK_OF_REQUEST: tuple[Any, ...] = (None, NEW)


class Columns:
    """Some fields of a model, and a function that returns their values of a row."""

    def __init__(self, fields: list[Any]) -> None:
        self.fields = fields
        self.names = [field.column for field in fields]
        self.blanks = [_blanks(field) for field in fields]
        #: Without USE_TZ, their columns hold other values than Python does.
        self.instants = [
            (field.column, field) for field in fields if isinstance(field, InstantField)
        ]
        self.listed = ", ".join(quoted(field.column) for field in fields)
        self.values_of = attrgetter(*[field.attname for field in fields])


def _blanks(field: Any) -> tuple[Any, ...]:
    """Return the values of a column that are not sent as JSON."""
    if field.attname in OF_REQUEST:
        return _BLANK_OF_REQUEST
    return _NULL if field.null else _BLANK


class Table:
    """The columns of a model, and the parts of statements that name them."""

    def __init__(self, model: Any) -> None:
        self.name = quoted(model._meta.db_table)
        self.all = Columns(list(model._meta.concrete_fields))
        self.written = Columns([field for field in self.all.fields if not field.primary_key])
        #: Those that JSON can hold.
        self.in_json = Columns(
            [field for field in self.written.fields if not isinstance(field, models.BinaryField)]
        )
        self.changing = Columns([model._meta.pk, *changing_fields(model)])
        self.by_name = {field.name: field for field in self.all.fields}
        self.names = [field.attname for field in self.all.fields]
        self.selected = [field.get_col(model._meta.db_table) for field in self.all.fields]


@cache
def table_of(model: Any) -> Table:
    return Table(model)


@cache
def _changing(
    model: Any, changed: tuple[str, ...], guarded: tuple[str, ...], own: tuple[str, ...], value: str
) -> str:
    """Return an UPDATE. ``value`` is the expression for a value of ``own``."""
    columns = {name: quoted(field.column) for name, field in table_of(model).by_name.items()}
    changes = [f"{columns[name]} = %s" for name in changed]
    changes += [f"{columns[name]} = {value}" for name in own]
    guard = [f"{columns[name]} = %s" for name in guarded]
    table = table_of(model)
    return f"UPDATE {table.name} SET {', '.join(changes)} WHERE {' AND '.join([*guard, 'id '])}"  # noqa: S608


class Compiled(Writer):
    #: The condition for a column that has one of a set of values; the set is one parameter.
    is_one_of: str
    #: The value of a row in one parameter, which is a JSON object with the values of all by id.
    own_value: str

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
        changes, guard = (
            [
                fields[name].get_db_prep_value(value, self.connection, prepared=True)
                for name, value in values.items()
            ]
            for values in (step.changes, step.guard)
        )
        own = [json.dumps(step.own_values(name)) for name in step.own]
        names = (tuple(step.changes), tuple(step.guard), step.own)
        statement = _changing(model, *names, self.own_value) + self.is_one_of
        return statement, [*changes, *own, *guard, self.as_set([row.pk for row in step.rows])]

    #: Makes one parameter of keys or ids.
    as_set: Callable[[list[Any]], Any]

    def loaded(self, model: Any, fetched: Iterable[Iterable[Any]]) -> dict[str, Any]:
        """Return rows by their keys. The converters are not cached: they belong to a thread."""
        table, connection = table_of(model), self.connection
        compiler: Any = self.rows_of(model).query.get_compiler(connection=connection)
        converters = compiler.get_converters(table.selected).items()
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
    own_value = "json_extract(%s, '$.\"' || id || '\"')"
    as_set = staticmethod(json.dumps)

    def insert(self, rows: list[Any]) -> None:
        columns = table_of(model_of(rows)).written
        for part in _parts(rows, columns):
            last = self._insert(part, columns)
            # Ids only grow, and no other worker writes until this transaction ends.
            for pk, row in enumerate(part, last - len(part) + 1):
                row.pk = pk

    def update(self, rows: list[Any]) -> None:
        table = table_of(model_of(rows))
        names = [quoted(field.column) for field in table.changing.fields]
        changes = ", ".join(f"{name} = excluded.{name}" for name in names)
        for part in _parts(rows, table.all):
            self._insert(part, table.all, f"ON CONFLICT (id) DO UPDATE SET {changes}")

    def find_sorted(self, model: Any, keys: list[str], lock: bool) -> dict[str, Any]:
        table = table_of(model)
        select = f"SELECT {table.all.listed} FROM {table.name}"  # noqa: S608
        statement = f"{select} WHERE key {self.is_one_of} ORDER BY key"
        fetched = self.execute(ALL, statement, [self.as_set(keys)])
        return self.loaded(model, fetched) if fetched else {}

    def _insert(self, rows: list[Any], columns: Columns, or_else: str = "") -> int:
        """Insert rows with one statement and return the last id."""
        markers: list[str] = []
        sent: list[Iterable[Any]] = []
        by_column = zip(*map(columns.values_of, rows), strict=True)
        for field, values in zip(columns.fields, by_column, strict=True):
            # A column of blanks is a part of the statement: each parameter takes time.
            blank = None if values[0] else _BLANKS.get(type(values[0]))
            if blank and values.count(values[0]) == len(values):
                markers.append(blank)
            else:
                markers.append("%s")
                sent.append(self._converted(field, values))
        row = f"({', '.join(markers)})"
        into = f"INSERT INTO {table_of(model_of(rows)).name} ({columns.listed})"
        statement = f"{into} VALUES {', '.join([row] * len(rows))} {or_else}"
        by_row = chain.from_iterable(zip(*sent, strict=True))
        return int(self.execute(_LAST_ID, statement, list(by_row)))

    def _converted(self, field: Any, values: Iterable[Any]) -> Iterable[Any]:
        if not isinstance(field, _CONVERTED):
            return values
        convert = partial(field.get_db_prep_value, connection=self.connection, prepared=True)
        return map(remembering(convert), values)


#: Fields whose Python values SQLite's driver does not take.
_CONVERTED = (models.DateTimeField, models.JSONField, models.UUIDField, models.BinaryField)
#: Blank values in SQL.
_BLANKS = {str: "''", type(None): "NULL", dict: "'{}'", list: "'[]'"}


def _parts(rows: list[Any], columns: Columns) -> Iterator[list[Any]]:
    """Yield as many rows at once as fit into one statement."""
    size = PARAMETERS // len(columns.fields)
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


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
