"""Limit the bytes of long texts on a page.

A text can be as long as a request. So a page's statement omits long texts, and a second statement
reads those of the rows that fit. A page without long texts costs one statement.
"""

from __future__ import annotations

from collections.abc import Sequence
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
        return super().as_sql(compiler, connection, template=_TEMPLATES.get(connection.vendor))


def columns(model: type[models.Model]) -> list[Any]:
    """Return the columns of a model that lists show and that have no maximum length."""
    return [field for field in unlimited(model) if field.name not in LARGE]


def shortened(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Omit long texts, which ``fitting`` reads, and add the ``bytes`` of all without a limit."""
    fields = columns(rows.model)
    short: dict[str, Any] = {
        _short(field): Case(
            When(LessThanOrEqual(Bytes(F(field.name)), SHORT), then=F(field.name)),
            *([When(IsNull(F(field.name), True), then=_NULL)] if field.null else []),
            output_field=field.clone(),
        )
        for field in fields
    }
    sizes = (Coalesce(Bytes(F(field.name)), Value(0)) for field in fields)
    size = sum(sizes, start=Value(0))
    return rows.defer(*(field.name for field in fields)).annotate(bytes=size, **short)


def fitting(groups: Sequence[Sequence[Any]]) -> int:
    """Return how many of the first groups fit on a page, at least one, and set their texts.

    A group has rows from ``shortened`` that stay together, of one or several models.
    """
    totals = accumulate(sum(row.bytes for row in group) for group in groups)
    count = max(1, sum(total <= MAX_BYTES for total in totals))
    rows = [row for group in groups[:count] for row in group]
    complete([row for row in rows if _has_long_texts(row)])
    return count


def complete(rows: Sequence[Any]) -> None:
    """Read the texts of rows that have long ones, with a statement for each model."""
    for model in {type(row) for row in rows}:
        incomplete = {row.pk: row for row in rows if type(row) is model}
        names = [field.name for field in columns(model)]
        read = model._default_manager.using(rows[0]._state.db).filter(pk__in=list(incomplete))
        for pk, *texts in read.values_list("pk", *names):
            incomplete[pk].__dict__.update(zip(names, texts, strict=True))


def _short(field: Any) -> str:
    return f"short_{field.name}"


def _has_long_texts(row: Any) -> bool:
    """Set the short texts of a row, and tell whether it has others."""
    is_long = False
    for field in columns(type(row)):
        text = row.__dict__.pop(_short(field))
        is_long |= text is None
        # If the row is deleted before its texts are read, it keeps the default.
        is_missing = text is None or (text is False and field.null)
        row.__dict__[field.name] = field.get_default() if is_missing else text
    return is_long
