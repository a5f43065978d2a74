"""Fill each table by one statement, and make its indexes afterwards."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.color import no_style
from django.db import connection, models

from pickyassist_webhooks.models import WebhookRequest
from tests.browser.addresses import MODELS, Model
from tests.scale import seeds
from tests.scale.dialects import dialect
from tests.scale.expressions import Expressions

#: The requests first: all other rows refer to them.
TABLES: list[Model] = [WebhookRequest, *(model for model in MODELS if model is not WebhookRequest)]


def fill(rows: int, tables: list[Model] = TABLES) -> None:
    """Make ``rows`` rows of each model, as in ``seeds``."""
    sql = dialect()
    made = Expressions(sql, rows)
    with _in_a_hurry(), _without_indexes(tables):
        for model in tables:
            values = seeds.columns(model, made)
            columns = ", ".join(map(connection.ops.quote_name, values))
            count = seeds.count(model, rows)
            _execute(sql.insert(model._meta.db_table, columns, ", ".join(values.values()), count))
    for statement in connection.ops.sequence_reset_sql(no_style(), tables):
        _execute(statement)
    for model in tables:
        _execute(sql.analyze.format(table=model._meta.db_table))


@contextmanager
def _in_a_hurry() -> Iterator[None]:
    sql = dialect()
    for statement in sql.before:
        _execute(statement)
    yield
    for statement in sql.after:
        _execute(statement)


@contextmanager
def _without_indexes(tables: list[Model]) -> Iterator[None]:
    """Drop the indexes that are not constraints; also the foreign keys, if that is cheap."""
    with connection.schema_editor() as editor:
        for model in tables:
            for index in model._meta.indexes:
                editor.remove_index(model, index)
        for field in _foreign_keys(tables):
            editor.alter_field(field.model, field, _without_constraint(field))
    with connection.constraint_checks_disabled():
        yield
    with connection.schema_editor() as editor:
        for field in _foreign_keys(tables):
            editor.alter_field(field.model, _without_constraint(field), field)
        for model in tables:
            for index in model._meta.indexes:
                editor.add_index(model, index)


def _foreign_keys(tables: list[Model]) -> list[Any]:
    # SQLite would copy the table, and MariaDB does not check each row here.
    if connection.vendor != "postgresql":
        return []
    fields: list[Any] = [field for model in tables for field in model._meta.concrete_fields]
    return [field for field in fields if isinstance(field, models.ForeignKey)]


def _without_constraint(field: Any) -> Any:
    loose = copy.copy(field)
    loose.db_constraint = loose.db_index = False
    return loose


def _execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
