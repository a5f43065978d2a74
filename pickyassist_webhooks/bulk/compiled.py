"""Statements that are made once for each model, and the rows that they find.

Django's ORM compiles each statement again and prepares each value by itself, which takes longer
than the database does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from operator import attrgetter, methodcaller
from typing import Any

from django.db import models

from ..models.encodings import holdable
from .plan import Change, model_of
from .writer import Writer, changing_fields

ALL = methodcaller("fetchall")
COUNT = attrgetter("rowcount")


def quoted(name: str) -> str:
    return f'"{name}"'


_CONVERTED = (models.BinaryField, models.DateTimeField, models.JSONField, models.UUIDField)


class Columns:
    """Some fields of a model, and the values of rows in them."""

    def __init__(self, fields: list[Any]) -> None:
        self.fields = fields
        self.listed = ", ".join(quoted(field.column) for field in fields)
        #: The fields whose values need a conversion, with their positions.
        self.converted = [
            (index, field) for index, field in enumerate(fields) if isinstance(field, _CONVERTED)
        ]
        self._values_of = attrgetter(*[field.attname for field in fields])

    def of(self, rows: list[Any]) -> list[Any]:
        """Return the values of each column: a list of them, one for each row."""
        return list(zip(*map(self._values_of, rows), strict=True))


def all_equal(values: Sequence[Any]) -> bool:
    return values.count(values[0]) == len(values)


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
def _changing(model: Any, changed: tuple[str, ...], own: tuple[str, ...], value: str) -> str:
    """Return an UPDATE of claimed rows. ``value`` is the expression for a value of ``own``."""
    table = table_of(model)
    changes = [f"{quoted(table.by_name[name].column)} = %s" for name in changed]
    changes += [f"{quoted(table.by_name[name].column)} = {value}" for name in own]
    guard = '"claimed_by" = %s AND "due_at" = %s'
    return f"UPDATE {table.name} SET {', '.join(changes)} WHERE {guard} AND id "  # noqa: S608


class Compiled(Writer):
    #: The condition for a column that has one of several values, which are one parameter.
    is_one_of: str
    #: The value of a row in one parameter, which is a JSON object with the values of all by id.
    own_value: str

    def cursor(self) -> Any:
        return self.connection.cursor()

    def execute(self, result: Callable[[Any], Any], statement: str, values: list[Any]) -> Any:
        """Execute a statement and return the result that its cursor has."""
        with self.cursor() as cursor:
            cursor.execute(statement, values)
            return result(cursor)

    def change(self, step: Change) -> int:
        return int(self.execute(COUNT, *self.changing(step)))

    def changing(self, step: Change) -> tuple[str, list[Any]]:
        """Return the statement of a change, and its values."""
        model = model_of(step.rows)
        fields = table_of(model).by_name

        def prepared(values: dict[str, Any]) -> list[Any]:
            return [
                fields[name].get_db_prep_value(value, self.connection, prepared=True)
                for name, value in values.items()
            ]

        # Not escaped: a database that is not UTF-8 refuses an escape.
        own = [
            holdable(json.dumps(step.own_values(name), ensure_ascii=False), self.connection)
            for name in step.own
        ]
        condition, pks = self.among([row.pk for row in step.rows])
        statement = _changing(model, tuple(step.changes), step.own, self.own_value) + condition
        claim = prepared(step.rows[0].claim)
        return statement, [*prepared(step.changes), *own, *claim, pks]

    def among(self, values: list[Any]) -> tuple[str, Any]:
        """Return the condition for a column that has one of these values, and its parameter.

        For one value it is a plain comparison: PostgreSQL then keeps the plan of a prepared
        statement, and would otherwise plan each time.
        """
        return ("= %s", values[0]) if len(values) == 1 else (self.is_one_of, self.as_set(values))

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
