"""Columns that mean the same on every database."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

Row = TypeVar("Row", bound=models.Model)
# What a field takes and what it gives: without them, type checkers take all it gives for Any.
Set = TypeVar("Set", contravariant=True)
Got = TypeVar("Got", covariant=True)

if TYPE_CHECKING:
    from django.db.models import CharField
else:

    class CharField(models.CharField):
        def __class_getitem__(cls, types: Any) -> Any:
            return cls


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
    """Return a row of these values, by attribute, and of the defaults of all other fields.

    Django takes all values in their order in half the time it takes them by name. Defaults that
    are made anew for each row, of ids and JSON, are none here and have to be given.
    """
    ordered: Any = (_blank(model) | values).values()
    return model(*ordered)


class ExactCharField(CharField[Set, Got]):
    """An id, a number or a code: equal only to the same characters.

    MariaDB's usual collations take ``A1`` and ``a1`` for equal, SQLite and PostgreSQL do not. A
    collation in the model would be asked of all of them, so it is named for MariaDB only.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 255)
        super().__init__(*args, **kwargs)

    def db_parameters(self, connection: BaseDatabaseWrapper) -> dict[str, str | None]:
        return super().db_parameters(connection) | _PARAMETERS.get(connection.vendor, {})


class SparseIndex(models.Index):
    """An index of a few rows, if the database can, so that the others cost nothing.

    ``rows`` says of which, as queries say it. ``condition=`` would do the same, but Django warns
    of it on MariaDB, where all rows are in the index.
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
