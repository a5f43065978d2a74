"""PostgreSQL: a plan is one statement, because each statement is a round trip.

A set of rows is sent as one JSON text, which is written and read faster than literals. Rows are
found without a lock, with the version that PostgreSQL gives each row (``xmin``). The statement
writes nothing if one of them has another version by then.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from functools import cache, partial
from typing import Any

from django.db import models

from ..models.encodings import holdable
from .compiled import (
    ALL,
    COUNT,
    Columns,
    Compiled,
    Table,
    all_equal,
    quoted,
    remembering,
    table_of,
)
from .plan import (
    BATCH,
    NEW,
    OF_REQUEST,
    Change,
    Insert,
    Plan,
    Step,
    Update,
    give_ids,
    give_request,
    model_of,
    request_of,
)

#: Values of a column that the statement has already.
_BLANK: tuple[Any, ...] = ("", None, {})
_NULL: tuple[Any, ...] = (None,)

#: Makes this transaction's commit return before the disk has it.
_LAZY = " AND (SELECT set_config('synchronous_commit', 'off', true)) = 'off'"

#: A number if all rows were changed. Otherwise the text is none, and nothing is written.
_ALL_CHANGED = "(CASE count(*) WHEN %s THEN '1' ELSE 'another worker was faster' END)::int"


class PostgresWriter(Compiled):
    is_guarding = True
    is_one_of = "= ANY(%s)"
    own_value = "%s::jsonb -> id::text"

    @staticmethod
    def as_set(values: list[Any]) -> str:
        """Return an array of ids, or of keys, which have no character of its syntax."""
        return f"{{{','.join(map(str, values))}}}"

    def __init__(self, database: str) -> None:
        super().__init__(database)
        #: The version of each row that was found without a lock, by its model and id.
        self._versions: dict[tuple[Any, int], str] = {}

    def cursor(self) -> Any:
        """Return a cursor that prepares its statements, if the project allows it.

        A pooler that gives each transaction another session would mix them up, so only the
        project can know.
        """
        if self.connection.settings_dict["OPTIONS"].get("prepare_threshold") is None:
            return super().cursor()
        from django.db.backends.postgresql.base import ServerBindingCursor

        self.connection.ensure_connection()
        cursor = ServerBindingCursor(self.connection.connection)  # type: ignore[call-arg]
        return self.connection._prepare_cursor(cursor)

    def find_sorted(self, model: Any, keys: list[str], lock: bool) -> dict[str, Any]:
        condition, values = self.among(keys)
        fetched = self.execute(ALL, _finding(model, condition, lock), [values])
        if not fetched:
            return {}
        rows = self.loaded(model, [row[1:] for row in fetched])
        if not lock:
            for row, (version, *_) in zip(rows.values(), fetched, strict=True):
                self._versions[model, row.pk] = version
        return rows

    def write(self, plan: Plan) -> None:
        if len(plan) < 2 or sum(len(step.rows) for step in plan) > BATCH:
            super().write(plan)
        else:
            self._write_together(plan)

    def _write_together(self, plan: Plan) -> None:
        # PostgreSQL guarantees no order of the parts and uses that of the SELECT: messages before
        # their reports, as in all workers, or some would deadlock.
        request = request_of(plan)
        parts, values, returned, counts = [], [], [], []
        for number, step in enumerate(plan):
            statement, parameters = self._statement(step, request is not None)
            parts.append(f"step_{number} AS ({statement})")
            values += parameters
            if isinstance(step, Insert):
                returned.append(f"SELECT {number}, id, key FROM step_{number}")  # noqa: S608
            else:
                returned.append(f"SELECT {number}, {_ALL_CHANGED}, '' FROM step_{number}")  # noqa: S608
                counts.append(len(step.rows))
        statement = f"WITH {', '.join(parts)} {' UNION ALL '.join(returned)}"
        ids: dict[int, list[tuple[int, str]]] = defaultdict(list)
        for number, pk, key in self.execute(ALL, statement, values + counts):
            ids[number].append((pk, key))
        for number, step in enumerate(plan):
            if isinstance(step, Insert):
                give_ids(step.rows, ids[number])
                self.mark_saved(step)
        if request is not None:
            for step in plan:
                give_request(step.rows, request.pk)

    def insert(self, rows: list[Any]) -> None:
        if not hasattr(model_of(rows), "key"):
            super().insert(rows)  # a request alone, by the plainest statement: its bytes are safe
        else:
            give_ids(rows, self.execute(ALL, *self._inserting(rows, False)))

    def update(self, rows: list[Any]) -> None:
        self.execute(COUNT, *self._updating(rows, False))

    def changing(self, step: Change) -> tuple[str, list[Any]]:
        statement, values = super().changing(step)
        is_lazy = step.lazy and not self.connection.in_atomic_block
        return statement + _LAZY if is_lazy else statement, values

    def _statement(self, step: Step, has_request: bool) -> tuple[str, list[Any]]:
        """Return the statement of a step as a part of a larger one, and its values."""
        if isinstance(step, Insert):
            return self._inserting(step.rows, has_request)
        if isinstance(step, Update):
            statement, values = self._updating(step.rows, has_request)
        else:
            statement, values = self.changing(step)
        return f"{statement} RETURNING 1", values

    def _inserting(self, rows: list[Any], has_request: bool) -> tuple[str, list[Any]]:
        model = model_of(rows)
        # Only requests have bytes, and a request is inserted alone.
        bodies = [row.body for row in rows if not hasattr(model, "key")]
        values = self._as_json(rows, table_of(model).in_json)
        return _inserting(model, has_request), [*bodies, values]

    def _updating(self, rows: list[Any], has_request: bool) -> tuple[str, list[Any]]:
        model = model_of(rows)
        versions = {row.pk: self._versions.get((model, row.pk)) for row in rows}
        is_guarded = None not in versions.values()
        values = [self._as_json(rows, table_of(model).changing), self.as_set(list(versions))]
        guard = [json.dumps(versions)] if is_guarded else []
        return _updating(model, has_request, is_guarded), values + guard

    def _moment_of(self, field: Any) -> Callable[[Any], str]:
        convert = partial(field.get_db_prep_value, connection=self.connection, prepared=True)
        return lambda moment: str(convert(moment))

    def _as_json(self, rows: list[Any], columns: Columns) -> str:
        """Return rows as a JSON list of objects, by the names of their columns.

        A column of blanks is not sent. Neither is the id of a request that gets it only now.
        """
        names, by_column = [], []
        for field, values in zip(columns.fields, columns.of(rows), strict=True):
            if field.attname in OF_REQUEST:
                values = [None if value == NEW else value for value in values]
            if values[0] in (_NULL if field.null else _BLANK) and all_equal(values):
                continue
            if isinstance(field, models.DateTimeField):
                values = list(map(remembering(self._moment_of(field)), values))
            names.append(field.column)
            by_column.append(values)
        objects = [dict(zip(names, values, strict=True)) for values in zip(*by_column, strict=True)]
        # Not escaped: it is shorter, and a database that is not UTF-8 refuses an escape as well.
        text = json.dumps(objects, default=str, ensure_ascii=False)
        return str(holdable(text, self.connection))


@cache
def _finding(model: Any, condition: str, lock: bool) -> str:
    table = table_of(model)
    select = f"SELECT xmin::text, {table.all.listed} FROM {table.name}"  # noqa: S608
    return f"{select} WHERE key {condition} ORDER BY key{' FOR UPDATE' if lock else ''}"


@cache
def _inserting(model: Any, has_request: bool) -> str:
    table = table_of(model)
    values = ", ".join(_value(field, has_request) for field in table.written.fields)
    key = "key" if hasattr(model, "key") else "''"
    return (
        f"INSERT INTO {table.name} ({table.written.listed})"  # noqa: S608
        f" SELECT {values} FROM {_source(table)} RETURNING id, {key} AS key"
    )


@cache
def _updating(model: Any, has_request: bool, is_guarded: bool) -> str:
    table = table_of(model)
    changes = ", ".join(
        f"{quoted(field.column)} = {_value(field, has_request)}"
        for field in table.changing.fields
        if not field.primary_key
    )
    statement = f"UPDATE {table.name} SET {changes} FROM {_source(table)}"  # noqa: S608
    # The ids also by themselves, or PostgreSQL would plan to read the whole table.
    statement += f" WHERE {table.name}.id = source.id AND {table.name}.id = ANY(%s)"
    if is_guarded:
        statement += f" AND {table.name}.xmin::text = (%s::json ->> source.id::text)"
    return statement


def _source(table: Table) -> str:
    return f"json_populate_recordset(NULL::{table.name}, %s::json) AS source"


def _value(field: Any, has_request: bool) -> str:
    """Return the value of a column in the set of rows that is sent; blanks are not sent."""
    sent = f"source.{quoted(field.column)}"
    if isinstance(field, models.BinaryField):
        return "%s"
    if field.attname in OF_REQUEST and has_request:
        return f"coalesce({sent}, (SELECT id FROM step_0))"  # noqa: S608 -- our own names
    if field.null:
        return sent
    if isinstance(field, models.CharField | models.TextField):
        return f"coalesce({sent}, '')"
    return f"coalesce({sent}, '{{}}')" if isinstance(field, models.JSONField) else sent
