"""Rows as CSV, for people who open it in a spreadsheet program, and as JSON lines for programs."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from io import StringIO
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import QuerySet

from .characters import visible
from .masking import Masks

#: What makes a formula of a cell, to one program or another; the last ones are full-width.
_FORMULA = ("=", "+", "-", "@", "|", "%", "\uff1d", "\uff0b", "\uff0d", "\uff20")

_ROWS_AT_ONCE = 1000


def csv_lines(rows: QuerySet[Any], names: list[str], masks: Masks) -> Iterator[str]:
    """Yield the lines of a CSV file: the names of the fields, then a line for each row.

    ``masks`` say what is shown of fields with personal data. No cell can start a formula: what
    looks like one is led by an apostrophe. All cells are quoted, so that a program that splits at
    semicolons makes no further cells of them.
    """
    yield _line(names)
    for values in _values(rows, names, masks):
        yield _line(values)


def json_lines(rows: QuerySet[Any], names: list[str], masks: Masks) -> Iterator[str]:
    """Yield a line for each row: a JSON object of its fields, masked in the same way."""
    for values in _values(rows, names, masks):
        row = dict(zip(names, values, strict=True))
        yield json.dumps(row, ensure_ascii=False, cls=DjangoJSONEncoder) + "\n"


def _values(rows: QuerySet[Any], names: list[str], masks: Masks) -> Iterator[list[Any]]:
    # values_list() would give codes and JSON of each database's own.
    for row in _in_chunks(rows.defer(None).only(*names)):
        values = ((name, getattr(row, name)) for name in names)
        yield [masks[name](value) if name in masks else value for name, value in values]


def _in_chunks(rows: QuerySet[Any]) -> Iterator[Any]:
    """Yield rows, newest first, by statements that each read a chunk of them.

    One statement for all would be kept whole, by the client of MariaDB or the server of PostgreSQL.
    """
    rows = rows.order_by("-pk")
    chunk = list(rows[:_ROWS_AT_ONCE])
    while chunk:
        yield from chunk
        chunk = list(rows.filter(pk__lt=chunk[-1].pk)[:_ROWS_AT_ONCE])


def _line(values: Iterable[Any]) -> str:
    line = StringIO()
    csv.writer(line, quoting=csv.QUOTE_ALL).writerow(map(_cell, values))
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
    text = visible(text)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text
