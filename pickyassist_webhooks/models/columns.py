"""Columns that behave the same on every database."""

from __future__ import annotations

from datetime import datetime
from datetime import timezone as zones
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from django.conf import settings
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models.base import ModelState

from .encodings import holdable
from .moments import in_local_time, in_utc

Row = TypeVar("Row", bound=models.Model)
# The types that a field accepts and returns: without them, type checkers see Any.
Set = TypeVar("Set", contravariant=True)
Got = TypeVar("Got", covariant=True)

if TYPE_CHECKING:
    from django.db.models import CharField, DateTimeField, TextField
else:

    class CharField(models.CharField):
        def __class_getitem__(cls, types: Any) -> Any:
            return cls

    class DateTimeField(models.DateTimeField):
        def __class_getitem__(cls, types: Any) -> Any:
            return cls

    class TextField(models.TextField):
        def __class_getitem__(cls, types: Any) -> Any:
            return cls


# A collation in a model would apply to all databases, so it is set for MariaDB only.
_PARAMETERS: dict[str, dict[str, str | None]] = {"mysql": {"collation": "utf8mb4_bin"}}


@cache
def _blank(model: type[models.Model]) -> dict[str, Any]:
    return {
        field.attname: None
        if field.has_default() and callable(field.default)
        else field.get_default()
        for field in model._meta.concrete_fields
    }


def build(model: type[Row], values: dict[str, Any]) -> Row:
    """Return a row with these values, by attribute, and the defaults of all other fields.

    It takes a third of the time that a call of the model takes, and sends no ``pre_init`` and
    ``post_init``. Callable defaults, as of ids and JSON, are not applied: pass these values.
    """
    row = model.__new__(model)
    vars(row).update(_blank(model) | values)
    row._state = ModelState()
    return row


# Not a field itself, or type checkers would see Any for all its values.
class _Unicode:
    def db_parameters(self, connection: BaseDatabaseWrapper) -> dict[str, str | None]:
        parameters: dict[str, str | None] = super().db_parameters(connection)  # type: ignore[misc]
        return parameters | _PARAMETERS.get(connection.vendor, {})

    def get_db_prep_value(
        self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False
    ) -> Any:
        value = super().get_db_prep_value(value, connection, prepared)  # type: ignore[misc]
        return holdable(value, connection)


class UnicodeCharField(_Unicode, CharField[Set, Got]):
    """A text of any characters, with any default character set of the database.

    It equals only the same characters, as on SQLite and PostgreSQL: to MariaDB's usual
    collations ``A1`` equals ``a1``, and all emoji are equal.
    """


class UnicodeTextField(_Unicode, TextField[Set, Got]):
    """A long text of any characters, with any default character set of the database."""


class ExactCharField(UnicodeCharField[Set, Got]):
    """An id, a number or a code."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 255)
        super().__init__(*args, **kwargs)


class InstantField(DateTimeField[Set, Got]):
    """A moment to measure durations by. The column holds UTC, with and without ``USE_TZ``.

    Local times would be an hour off when clocks change. Python receives the values as from any
    other column of the project.
    """

    def get_db_prep_value(
        self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False
    ) -> Any:
        if isinstance(value, datetime) and not settings.USE_TZ:
            zone = zones.utc if connection.vendor == "postgresql" else None
            value = in_utc(value).replace(tzinfo=zone)
        return super().get_db_prep_value(value, connection, prepared)

    def from_db_value(
        self, value: datetime | None, expression: Any, connection: BaseDatabaseWrapper
    ) -> datetime | None:
        if value is None or settings.USE_TZ or connection.vendor == "postgresql":
            return value
        return in_local_time(value.replace(tzinfo=zones.utc))


def unlimited(model: type[models.Model]) -> list[Any]:
    """Return the fields of a model with texts and JSON of any length."""
    kinds = (models.TextField, models.JSONField)
    return [field for field in model._meta.concrete_fields if isinstance(field, kinds)]


class SparseIndex(models.Index):
    """An index of a few rows, if the database supports it, so that the others cost nothing.

    ``rows`` is the condition. ``condition=`` would do the same, but Django warns of it on
    MariaDB, which indexes all rows.
    """

    def __init__(self, *, rows: models.Q, **kwargs: Any) -> None:
        self.rows = rows
        super().__init__(**kwargs)

    def deconstruct(self) -> Any:
        path, expressions, kwargs = super().deconstruct()
        return path, expressions, {**kwargs, "rows": self.rows}

    def create_sql(
        self,
        model: type[models.Model],
        schema_editor: BaseDatabaseSchemaEditor,
        using: str = "",
        **kwargs: Any,
    ) -> Any:
        can = schema_editor.connection.features.supports_partial_indexes
        rows = self.rows if can else None
        index = models.Index(fields=self.fields, name=self.name, condition=rows)
        return index.create_sql(model, schema_editor, using, **kwargs)
