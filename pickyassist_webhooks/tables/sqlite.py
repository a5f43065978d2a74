"""SQLite is called, not asked over a wire, so that each row by itself costs least."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from operator import attrgetter
from typing import Any

from .compiled import DIFFERENT, CompiledTable, prepared_column
from .orm import Values


class SqliteTable(CompiledTable):
    having_keys = "WHERE key IN (SELECT value FROM json_each(%s)) ORDER BY key"

    def keep(self, row: Any) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(self.insertion, self.values(row))
        row.pk = cursor.lastrowid
        row._state.adding, row._state.db = False, self.database

    def lock(self, pks: list[int], held: Values) -> int:
        """Take the one lock that all writers share, unless the transaction began with it.

        By a write: what was read before it could be stale by then, and SQLite then refuses it.
        """
        mode = str(self.connection.settings_dict["OPTIONS"].get("transaction_mode")).upper()
        if mode in ("IMMEDIATE", "EXCLUSIVE"):
            return len(pks)  # the last write says if they are held
        return self.change(pks, held, held)

    def insert(self, rows: list[Any]) -> None:
        *others, last = rows
        if others:
            with self.connection.cursor() as cursor:
                cursor.executemany(self.insertion, self._sets_of_values(others, self.written))
        self.keep(last)
        # Ids only ever grow, and nobody else writes until this transaction ends.
        for pk, row in enumerate(others, last.pk - len(others)):
            row.pk = pk

    def update(self, rows: list[Any]) -> None:
        fields = [*self.changing, self.model._meta.pk]
        with self.connection.cursor() as cursor:
            cursor.executemany(self._updating, self._sets_of_values(rows, fields))

    @cached_property
    def _updating(self) -> str:
        changes = ", ".join(self._equals(field.name) for field in self.changing)
        return f"UPDATE {self.name} SET {changes} WHERE id = %s"  # noqa: S608

    def _sets_of_values(self, rows: list[Any], fields: list[Any]) -> Iterator[tuple[Any, ...]]:
        return zip(*[self._column(rows, field) for field in fields], strict=True)

    def _column(self, rows: list[Any], field: Any) -> Iterable[Any]:
        if not isinstance(field, DIFFERENT):
            return map(attrgetter(field.attname), rows)
        connection = self.connection
        return prepared_column(
            rows, field, lambda value: field.get_db_prep_value(value, connection, prepared=True)
        )
