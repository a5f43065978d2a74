"""Several short reads in one statement: a page that needs many of them waits for each answer."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, zip_longest
from typing import Any

from django.db import connections
from django.db.models import QuerySet

#: Counts in one statement, at most: SQLite allows no more columns.
MOST_COUNTS = 500


def rows_of(querysets: Sequence[QuerySet[Any, Any]], newest: int | None = None) -> list[list[Any]]:
    """Return the rows of each queryset. Each has the same number and types of columns.

    With ``newest`` only so many rows of all are returned: their first columns are an id and a
    moment. Unlike ``union()``, it accepts limits on SQLite. The rows of a queryset have no order.
    """
    rows: list[list[Any]] = [[] for _ in querysets]
    if not querysets:
        return rows
    connection = connections[querysets[0].db]
    compilers = [queryset.query.get_compiler(connection=connection) for queryset in querysets]
    arms, params = [], []
    for number, compiler in enumerate(compilers):
        sql, own_params = compiler.as_sql()
        arms.append(f"SELECT {number}, t{number}.* FROM ({sql}) t{number}")  # noqa: S608
        params += own_params
    last = "" if newest is None else f" ORDER BY 3 DESC, 2 DESC LIMIT {newest}"
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(arms) + last, params)
        fetched = cursor.fetchall()
    first = compilers[0]
    converters = first.get_converters([selected for selected, _, _ in first.select])
    numbers = [row[0] for row in fetched]
    converted = first.apply_converters([row[1:] for row in fetched], converters)
    for number, row in zip(numbers, converted, strict=True):
        rows[number].append(tuple(row))
    return rows


def counts_of(querysets: Sequence[QuerySet[Any, Any]]) -> list[int]:
    """Return the number of rows of each queryset, which can have a limit."""
    if not querysets:
        return []
    connection = connections[querysets[0].db]
    counts, params = [], []
    for number, queryset in enumerate(querysets):
        sql, own_params = queryset.values("pk").query.get_compiler(connection=connection).as_sql()
        counts.append(f"(SELECT COUNT(*) FROM ({sql}) t{number})")  # noqa: S608
        params.append(own_params)
    return _fetched(connection, counts, params)


def counts_between(
    models: Sequence[Any], name: str, bounds: Sequence[Any]
) -> list[tuple[int, ...]]:
    """Return for each model how many rows have a value from each bound to the next one.

    The last bound has no end. ``name`` is a column with an index. The ORM would take longer to
    write these hundreds of counts than the database to answer them.
    """
    if not models:
        return []
    connection = connections[models[0]._default_manager.db]
    quote = connection.ops.quote_name
    counts, params = [], []
    for model in models:
        field = model._meta.get_field(name)
        column, table = quote(field.column), quote(model._meta.db_table)
        values = [field.get_db_prep_value(bound, connection) for bound in bounds]
        for start, end in zip_longest(values, values[1:]):
            condition = f"{column} >= %s AND {column} < %s" if end else f"{column} >= %s"
            counts.append(f"(SELECT COUNT(*) FROM {table} WHERE {condition})")  # noqa: S608
            params.append((start, end) if end else (start,))
    in_order = _fetched(connection, counts, params)
    return list(zip(*[iter(in_order)] * len(bounds), strict=True))


def _fetched(connection: Any, counts: list[str], params: list[Any]) -> list[int]:
    """Return the values of these subqueries.

    PostgreSQL plans each by itself. For a union it would start processes, which takes longer than
    these counts.
    """
    fetched: list[int] = []
    with connection.cursor() as cursor:
        for first in range(0, len(counts), MOST_COUNTS):
            some = slice(first, first + MOST_COUNTS)
            cursor.execute(f"SELECT {', '.join(counts[some])}", list(chain(*params[some])))
            fetched += cursor.fetchone()
    return fetched


def tallies_of(
    querysets: Sequence[QuerySet[Any, Any]], *names: str
) -> list[dict[tuple[Any, ...], tuple[int, int]]]:
    """Return the values of these columns in each queryset, at least one, which can have a limit.

    With each: in how many rows they are, and the highest id of these. The values are as the driver
    returns them.
    """
    connection = connections[querysets[0].db]
    columns = ", ".join(map(connection.ops.quote_name, names))
    arms, params = [], []
    for number, queryset in enumerate(querysets):
        rows = queryset.values_list("id", *names)
        sql, own_params = rows.query.get_compiler(connection=connection).as_sql()
        arms.append(
            f"SELECT {number}, COUNT(*), MAX(id), {columns} FROM ({sql}) t{number}"  # noqa: S608
            f" GROUP BY {columns}"
        )
        params += own_params
    tallies: list[dict[tuple[Any, ...], tuple[int, int]]] = [{} for _ in querysets]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(arms), params)
        for number, count, newest, *values in cursor.fetchall():
            tallies[number][tuple(values)] = count, newest
    return tallies
