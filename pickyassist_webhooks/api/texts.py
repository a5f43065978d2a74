"""Limit the bytes of long texts on a page.

A text can be as long as a request. So a page's statement omits long texts, and a second statement
reads those of the rows that fit. A page without long texts costs one statement.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any

from django.db import models
from django.db.models import Case, F, Func, QuerySet, Value, When
from django.db.models.functions import Coalesce
from django.db.models.lookups import IsNull, LessThanOrEqual

from ..models.columns import unlimited
from ..models.requests import LARGE

#: Bytes of text on a page, unless its first row has more.
MAX_BYTES = 8 * 1024 * 1024

#: Texts of at most this many bytes are read with their row.
SHORT = 2048

_LONG = "long_texts"

# Without it, a missing object would look like one that is too long.
_NULL = Value(False, output_field=models.JSONField())

_TEMPLATES = {
    "postgresql": "%(function)s(%(expressions)s::text)",
    # SQLite has OCTET_LENGTH only since version 3.43.
    "sqlite": "LENGTH(CAST(%(expressions)s AS BLOB))",
}


class Bytes(Func):
    """The number of bytes in a column, without reading the column itself."""

    function = "OCTET_LENGTH"
    output_field = models.BigIntegerField()

    def as_sql(self, compiler: Any, connection: Any, *args: Any, **named: Any) -> Any:
        sql_and_parameters: Any = super().as_sql(
            compiler, connection, template=_TEMPLATES.get(connection.vendor)
        )
        return sql_and_parameters


def columns(model: type[models.Model]) -> list[Any]:
    """Return the columns of a model that lists show and that have no maximum length."""
    return [field for field in unlimited(model) if field.name not in LARGE]


def shortened(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Omit long texts; ``complete`` reads them."""
    unlimited = columns(rows.model)
    short: dict[str, Any] = {
        _short(field): Case(
            When(LessThanOrEqual(Bytes(F(field.name)), SHORT), then=F(field.name)),
            *([When(IsNull(F(field.name), True), then=_NULL)] if field.null else []),
            output_field=field.clone(),
        )
        for field in unlimited
    }
    return rows.defer(*(field.name for field in unlimited)).annotate(**short)


def weigh(rows: Sequence[Any]) -> list[int]:
    """Set the short texts on rows from ``shortened``; return the bytes of each row."""
    for row in rows:
        _set_short_texts(row)
    long = _sizes([row for row in rows if getattr(row, _LONG)])
    return [long.get(row.pk, 0) + _size(row) for row in rows]


def fitting(weights: Iterable[int]) -> int:
    """Return how many of the first rows fit on a page: at least one."""
    return max(1, sum(total <= MAX_BYTES for total in accumulate(weights)))


def complete(rows: Sequence[Any]) -> None:
    """Read the long texts of rows of one model."""
    waiting = {row.pk: row for row in rows if getattr(row, _LONG)}
    if not waiting:
        return
    names = [field.name for field in columns(type(rows[0]))]
    for pk, *texts in _again(rows[0], waiting).values_list("pk", *names):
        waiting[pk].__dict__.update(zip(names, texts, strict=True))


def page(rows: list[Any]) -> list[Any]:
    """Return the rows that fit on a page, with their texts. They come from ``shortened``."""
    fitting_rows = rows[: fitting(weigh(rows))]
    complete(fitting_rows)
    return fitting_rows


def _short(field: Any) -> str:
    return f"short_{field.name}"


def _set_short_texts(row: Any) -> None:
    row.long_texts = False
    for field in columns(type(row)):
        text = row.__dict__.pop(_short(field))
        row.long_texts |= text is None
        # If the row is deleted before its texts are read, it keeps the default.
        is_missing = text is None or (text is False and field.null)
        row.__dict__[field.name] = field.get_default() if is_missing else text


def _sizes(rows: Sequence[Any]) -> dict[int, int]:
    if not rows:
        return {}
    total: Any = sum(
        (Coalesce(Bytes(F(field.name)), Value(0)) for field in columns(type(rows[0]))),
        start=Value(0),
    )
    sizes = _again(rows[0], (row.pk for row in rows)).annotate(bytes=total)
    return dict(sizes.values_list("pk", "bytes"))


def _size(row: Any) -> int:
    kinds = (str, dict, list)
    return sum(len(str(value)) for value in row.__dict__.values() if isinstance(value, kinds))


def _again(row: Any, pks: Iterable[int]) -> Any:
    rows: Any = type(row)._default_manager.using(row._state.db)
    return rows.filter(pk__in=list(pks))
