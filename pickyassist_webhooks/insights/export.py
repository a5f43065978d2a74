"""Rows as CSV and as JSON lines, for programs."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from io import StringIO
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import QuerySet

from ..models.masking import Masks
from ..parsing.characters import visible

#: The characters that begin a formula in some spreadsheet program; the last ones are full-width.
_FORMULA = ("=", "+", "-", "@", "|", "%", "\uff1d", "\uff0b", "\uff0d", "\uff20")

_ROWS_AT_ONCE = 1000


#: The values of rows, a list of each.
Values = Iterable[list[Any]]


def csv_lines(fields: Sequence[Any], rows: Values) -> Iterator[str]:
    """Yield the lines of a CSV file: the names of the fields, then a line for each row.

    An apostrophe comes before text that looks like a formula. All cells are quoted, so that a
    program that splits at semicolons makes no further cells of them.
    """
    yield csv_line(field.attname for field in fields)
    for values in rows:
        yield csv_line(map(_cell, values))


def json_lines(fields: Sequence[Any], rows: Values) -> Iterator[str]:
    """Yield a line for each row: a JSON object of its fields."""
    for values in rows:
        row = {field.attname: value for field, value in zip(fields, values, strict=True)}
        yield json.dumps(row, ensure_ascii=False, cls=DjangoJSONEncoder) + "\n"


def values_of(
    rows: QuerySet[Any], fields: Sequence[Any], masks: Masks, pks: list[int] | None = None
) -> Iterator[list[Any]]:
    """Yield the values of each row, newest first. ``masks`` hide personal data.

    If ``pks`` are given, in order, only rows with these ids.
    """
    names = [field.attname for field in fields]
    # values_list() would give codes and JSON of each database's own.
    rows = rows.defer(None).only(*names)
    for row in _in_chunks(rows) if pks is None else _by_ids(rows, pks):
        values = ((name, getattr(row, name)) for name in names)
        yield [masks[name](value) if name in masks else value for name, value in values]


def _by_ids(rows: QuerySet[Any], pks: list[int]) -> Iterator[Any]:
    """Yield the rows with these ids, newest first, if they are among ``rows``."""
    for start in range(0, len(pks), _ROWS_AT_ONCE):
        yield from rows.filter(pk__in=pks[start : start + _ROWS_AT_ONCE]).order_by("-pk")


def _in_chunks(rows: QuerySet[Any]) -> Iterator[Any]:
    """Yield rows, newest first, by statements that each read a chunk of them.

    One statement for all would be kept whole, by the client of MariaDB or the server of PostgreSQL.
    """
    rows = rows.order_by("-pk")
    chunk = list(rows[:_ROWS_AT_ONCE])
    while chunk:
        yield from chunk
        chunk = list(rows.filter(pk__lt=chunk[-1].pk)[:_ROWS_AT_ONCE])


def csv_line(cells: Iterable[str], separator: str = ",") -> str:
    """Return a line with all cells quoted."""
    line = StringIO()
    csv.writer(line, delimiter=separator, quoting=csv.QUOTE_ALL).writerow(cells)
    return line.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        text = value.isoformat()
    elif isinstance(value, dict | list):
        text = json.dumps(value, ensure_ascii=False, default=str)
    else:
        text = str(value)
    return inert(visible(text))


def inert(text: str) -> str:
    """Return text that no spreadsheet program takes for a formula."""
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text
