"""Tables whose statements are compiled once.

Django's ORM compiles each statement anew and prepares each value by itself, which takes longer
than the database does. So the few statements on a request's way are written by hand, for the
databases that are worth it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Any

from django.db import models

from .orm import Table, Values

#: Fields whose values databases do not take as Python has them.
DIFFERENT = (models.DateTimeField, models.JSONField, models.UUIDField, models.BinaryField)


class CompiledTable(Table):
    #: Which rows have one of a set of keys; the set is one parameter.
    having_keys: str

    def __init__(self, model: type[models.Model], database: str) -> None:
        super().__init__(model, database)
        self._compiled: dict[Any, str] = {}

    def change(self, pks: list[int], held: Values, changes: Values) -> int:
        with self.connection.cursor() as cursor:
            cursor.execute(*self.compiled_change(pks, held, changes))
            return int(cursor.rowcount)

    def compiled_change(
        self, pks: list[int], held: Values, changes: Values
    ) -> tuple[str, list[Any]]:
        """Return the statement of a change, and its parameters."""
        shape = (tuple(changes), tuple(held), len(pks))
        if shape not in self._compiled:
            changed = ", ".join(map(self._equals, changes))
            where = self.where(len(pks), held)
            self._compiled[shape] = f"UPDATE {self.name} SET {changed} {where}"  # noqa: S608
        return self._compiled[shape], self.prepared(changes, held) + pks

    def where(self, rows: int, held: Values) -> str:
        """Return the condition for so many rows, by their ids, that hold some values."""
        places = ", ".join(["%s"] * rows)
        return f"WHERE {' AND '.join([*map(self._equals, held), f'id IN ({places})'])}"

    def prepared(self, *values: Values) -> list[Any]:
        """Return values by the names of their fields, as the database takes them."""
        connection, fields = self.connection, self._fields
        return [
            fields[name].get_db_prep_value(value, connection, prepared=True)
            for some in values
            for name, value in some.items()
        ]

    @cached_property
    def name(self) -> str:
        return self.quoted(self.model._meta.db_table)

    @cached_property
    def insertion(self) -> str:
        """The statement that inserts one row."""
        places = ", ".join(["%s"] * len(self.written))
        return f"INSERT INTO {self.name} ({self.columns(self.written)}) VALUES ({places})"  # noqa: S608

    def values(self, row: Any) -> list[Any]:
        """Return the values of a new row, as the database takes them."""
        connection, state = self.connection, vars(row)
        return [
            field.get_db_prep_value(state[name], connection, prepared=True)
            if differs
            else state[name]
            for field, name, differs in self._taken
        ]

    def quoted(self, name: str) -> str:
        return str(self.connection.ops.quote_name(name))

    def columns(self, fields: Iterable[Any]) -> str:
        return ", ".join(self.quoted(field.column) for field in fields)

    def set_of(self, keys: list[str]) -> Any:
        """Return keys as one parameter."""
        return json.dumps(keys)

    @cached_property
    def _fields(self) -> dict[str, Any]:
        return {field.name: field for field in self.written}

    @cached_property
    def _taken(self) -> list[tuple[Any, str, bool]]:
        return [(field, field.attname, isinstance(field, DIFFERENT)) for field in self.written]

    @cached_property
    def _selection(self) -> str:
        columns = self.columns(self.model._meta.concrete_fields)
        return f"SELECT {columns} FROM {self.name} {self.having_keys}"  # noqa: S608

    @cached_property
    def _selected(self) -> list[Any]:
        table = self.model._meta.db_table
        return [field.get_col(table) for field in self.model._meta.concrete_fields]

    def _equals(self, name: str) -> str:
        return f"{self.quoted(self._fields[name].column)} = %s"

    def _find(self, keys: list[str]) -> dict[str, Any]:
        with self.connection.cursor() as cursor:
            cursor.execute(self._selection, [self.set_of(keys)])
            found = cursor.fetchall()
        names = [field.attname for field in self.model._meta.concrete_fields]
        rows: list[Any] = [
            self.model.from_db(self.database, names, values) for values in self._converted(found)
        ]
        return {row.key: row for row in rows}

    def _converted(self, found: Iterable[Iterable[Any]]) -> Iterator[list[Any]]:
        """Yield rows as Python has them. Not by converters that are kept: they are a thread's."""
        connection = self.connection
        compiler: Any = self.rows.query.get_compiler(connection=connection)
        converters = compiler.get_converters(self._selected)
        for row in found:
            values = list(row)
            for place, (converting, column) in converters.items():
                for convert in converting:
                    values[place] = convert(values[place], column, connection)
            yield values


def prepared_column(rows: list[Any], field: Any, prepare: Callable[[Any], Any]) -> Iterator[Any]:
    """Yield the value of a field of each row, prepared; most are those of the row before."""
    last = taken = None
    for row in rows:
        value = getattr(row, field.attname)
        if value is None:
            yield None
            continue
        # The same moment, or nothing extra again.
        if value is not last and (value or value != last):
            last, taken = value, prepare(value)
        yield taken
