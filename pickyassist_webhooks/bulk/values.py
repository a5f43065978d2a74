"""Write each set of rows by one statement with a list of values: for SQLite, and for MariaDB.

Not with ``executemany``, which costs the same on SQLite: django-debug-toolbar fails on it, and
other packages that watch the database read the sets of values twice.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from operator import attrgetter
from typing import Any

from django.db import models

from .compiled import ALL, Columns, Compiled, all_equal, quoted, remembering, table_of
from .plan import model_of

_LAST_ID = attrgetter("lastrowid")

#: Blank values in SQL.
_BLANKS = {"": "''", None: "NULL", "{}": "'{}'", "[]": "'[]'"}


class ValuesWriter(Compiled):
    #: The placeholder of bytes.
    binary = "%s"
    #: Parameters of one statement at most.
    parameters = sys.maxsize
    #: Changes the row that an insert finds, column by column.
    or_else: str
    changed_column: str
    #: Locks the rows that a statement finds.
    locking = ""

    def __init__(self, database: str) -> None:
        super().__init__(database)
        #: Values as the driver takes them, by the class of their field.
        self._converted_values: dict[Any, dict[Any, Any]] = {}

    def update(self, rows: list[Any]) -> None:
        table = table_of(model_of(rows))
        names = [quoted(field.column) for field in table.changing.fields]
        changes = ", ".join(self.changed_column.format(name=name) for name in names)
        for part in self.parts(rows, table.all):
            self.insert_values(part, table.all, f"{self.or_else} {changes}")

    def find_sorted(self, model: Any, keys: list[str], lock: bool) -> dict[str, Any]:
        table = table_of(model)
        source = table.name + self.by_keys(model)
        select = f"SELECT {table.all.listed} FROM {source}"  # noqa: S608
        condition, values = self.among(keys)
        statement = f'{select} WHERE "key" {condition} ORDER BY "key"'
        fetched = self.execute(ALL, statement + self.locking * lock, [values])
        return self.loaded(model, fetched) if fetched else {}

    def by_keys(self, model: Any) -> str:
        """Return the hint to find rows in the order of their keys, if the database needs one."""
        return ""

    def insert_values(
        self,
        rows: list[Any],
        columns: Columns,
        ending: str = "",
        result: Callable[[Any], Any] = _LAST_ID,
    ) -> Any:
        """Insert rows with one statement and return its result."""
        by_column = columns.of(rows)
        markers = ["%s"] * len(by_column)
        for index, field in columns.converted:
            by_column[index] = self._converted(field, by_column[index])
            if isinstance(field, models.BinaryField):
                markers[index] = self.binary
        if len(rows) > 1:
            # A column of blanks is a part of the statement: each parameter takes time.
            blanks = list(map(_blank, by_column))
            markers = [blank or marker for blank, marker in zip(blanks, markers, strict=True)]
            by_column = [
                values for values, blank in zip(by_column, blanks, strict=True) if not blank
            ]
        row = f"({', '.join(markers)})"
        into = f"INSERT INTO {table_of(model_of(rows)).name} ({columns.listed})"
        statement = f"{into} VALUES {', '.join([row] * len(rows))} {ending}"
        by_row = chain.from_iterable(zip(*by_column, strict=True))
        return self.execute(result, statement, list(by_row))

    def parts(self, rows: list[Any], columns: Columns) -> Iterator[list[Any]]:
        """Yield as many rows at once as fit into one statement."""
        size = self.parameters // len(columns.fields)
        for start in range(0, len(rows), size):
            yield rows[start : start + size]

    def _converted(self, field: Any, values: Iterable[Any]) -> list[Any]:
        """Return values as the driver takes them."""
        convert = partial(field.get_db_prep_value, connection=self.connection, prepared=True)
        # A body is too long for a key, and JSON cannot be one.
        if isinstance(field, models.BinaryField | models.JSONField):
            return list(map(remembering(convert), values))
        # Most moments of a transaction are equal.
        converted = self._converted_values.setdefault(type(field), {None: None})
        for value in values:
            if value not in converted:
                converted[value] = convert(value)
        return [converted[value] for value in values]


def _blank(values: tuple[Any, ...]) -> str | None:
    """Return the value of a column in SQL if all rows have the same blank."""
    blank = _BLANKS.get(values[0])
    return blank if blank and all_equal(values) else None


class SqliteWriter(ValuesWriter):
    # Unless it was built with fewer.
    parameters = 32_766 if sqlite3.sqlite_version_info >= (3, 32) else 999
    is_one_of = "IN (SELECT value FROM json_each(%s))"
    own_value = "json_extract(%s, '$.\"' || id || '\"')"
    as_set = staticmethod(json.dumps)
    or_else = "ON CONFLICT (id) DO UPDATE SET"
    changed_column = "{name} = excluded.{name}"

    def insert(self, rows: list[Any]) -> None:
        columns = table_of(model_of(rows)).written
        for part in self.parts(rows, columns):
            last = self.insert_values(part, columns)
            # Ids only grow, and no other worker writes until this transaction ends.
            for pk, row in enumerate(part, last - len(part) + 1):
                row.pk = pk
