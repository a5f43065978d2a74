"""The plan of the database for a statement: by an index, or a read of every row."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.db import connection, transaction

from pickyassist_webhooks.models.columns import SparseIndex
from tests.browser.addresses import APP, MODELS

#: Nodes of a PostgreSQL plan that read all their input before they return a row: a limit above them
#: saves nothing.
_GREEDY = ("Sort", "Aggregate", "Group", "Hash", "WindowAgg", "Materialize", "SetOp", "Unique")

#: The number of statements to show for a slow page.
_SHOWN = 5

#: A table with at most so many rows may be read as a whole.
_FEW = 10_000

_SPARSE = [
    index.name
    for model in MODELS
    for index in model._meta.indexes
    if isinstance(index, SparseIndex)
]

_TABLE = re.compile(rf"{APP}_\w+")
_PREFIX = re.compile(rf"[\"`]{APP}_\w+[\"`]\.")
_SCAN = re.compile(r"SCAN (?:TABLE )?(?!CONSTANT|\d+ CONSTANT|\()(\S+)")
_INNER = re.compile(r"(?:CO-ROUTINE|MATERIALIZE) (\S+)")
_SORT = re.compile(r"USE TEMP B-TREE FOR (?!LAST|RIGHT)")


@dataclass(frozen=True)
class Statement:
    sql: str
    params: Any

    @property
    def is_of_app(self) -> bool:
        """Whether the statement reads rows of the app, not the session or the user."""
        return self.sql.lstrip("( ").upper().startswith("SELECT") and f"{APP}_" in self.sql

    @property
    def shown(self) -> str:
        """The statement for people: without the table before each column."""
        return f"{_PREFIX.sub('', self.sql)}\n  with {self.params!r}"


def whole_read(statement: Statement) -> str:
    """Return the plan of a statement if it reads a whole table, else nothing.

    If a table is small, or most rows meet a condition, a whole read may be the fastest. So
    PostgreSQL is asked to avoid it if there is another plan.
    """
    if not statement.is_of_app or connection.vendor not in WAYS:
        return ""
    if not any(map(_is_large, _TABLE.findall(statement.sql))):
        return ""
    return WAYS[connection.vendor](statement)


@cache
def _is_large(table: str) -> bool:
    query = f"SELECT count(*) FROM (SELECT 1 FROM {table} LIMIT {_FEW + 1}) AS few"  # noqa: S608
    return bool(_rows(query)[0][0] > _FEW)


def _postgresql(statement: Statement) -> str:
    with transaction.atomic():
        _rows("SET LOCAL enable_seqscan = off")
        [[plan]] = _rows(f"EXPLAIN (FORMAT JSON) {statement.sql}", statement.params)
        if not any(_whole_reads(plan[0]["Plan"])):
            return ""
        return _text(_rows(f"EXPLAIN {statement.sql}", statement.params))


def _whole_reads(node: dict[str, Any], bounded: bool = False) -> Iterator[str]:
    """Yield the tables that are read completely, directly or in the order of an index."""
    kind = node["Node Type"]
    if node.get("Relation Name", "").startswith(f"{APP}_"):
        by_index = kind in ("Index Scan", "Index Only Scan")
        by_index = by_index and not _is_of_few(node["Index Name"])
        if kind == "Seq Scan" or (by_index and "Index Cond" not in node and not bounded):
            yield node["Relation Name"]
    below = kind == "Limit" or (bounded and kind not in _GREEDY)
    for child in node.get("Plans", ()):
        yield from _whole_reads(child, below)


def _sqlite(statement: Statement) -> str:
    plan = _rows(f"EXPLAIN QUERY PLAN {statement.sql}", statement.params)
    text = "\n".join(detail for *_, detail in plan)
    made = set(_INNER.findall(text))
    sorted_within = {parent for _, parent, _, detail in plan if _SORT.match(detail)}
    for _, parent, _, detail in plan:
        scan = _SCAN.match(detail)
        # A limit ends a read in the order of the rows or of an index.
        ends = " LIMIT " in statement.sql and parent not in sorted_within
        if scan and scan[1] not in made and not ends and not _is_of_few(detail):
            return text
    return ""


def _is_of_few(name: str) -> bool:
    """Return whether a name has an index of few rows: it may be read completely."""
    return any(index in name for index in _SPARSE)


WAYS = {"postgresql": _postgresql, "sqlite": _sqlite}


def slowest(statements: Iterable[Statement]) -> str:
    """Return the times of the slowest statements, and the plan of the slowest."""
    timed = [(_seconds(statement), statement) for statement in statements if statement.is_of_app]
    timed.sort(key=lambda pair: -pair[0])
    if not timed:
        return "no statement of the app"
    slowest = timed[0][1]
    options = {"analyze": True, "buffers": True} if connection.vendor == "postgresql" else {}
    prefix = connection.ops.explain_query_prefix(**options)
    plan = _text(_rows(f"{prefix} {slowest.sql}", slowest.params))
    others = (
        f"{seconds * 1000:.0f} ms: {statement.shown}" for seconds, statement in timed[1:_SHOWN]
    )
    return "\n".join([f"{timed[0][0] * 1000:.0f} ms: {slowest.shown}", plan, *others])


def _seconds(statement: Statement) -> float:
    began = time.perf_counter()
    _rows(statement.sql, statement.params)
    return time.perf_counter() - began


def _rows(sql: str, params: Any = None) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall() if cursor.description else []


def _text(rows: Iterable[Any]) -> str:
    return "\n".join(
        "  ".join(cell if isinstance(cell, str) else json.dumps(cell) for cell in row)
        for row in rows
    )
