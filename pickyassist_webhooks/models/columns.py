"""Columns that mean the same on every database."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

_PARAMETERS: dict[str, dict[str, str | None]] = {"mysql": {"collation": "utf8mb4_bin"}}


class ExactCharField(models.CharField):  # type: ignore[type-arg]
    """An id, a number or a code: equal only to the same characters.

    MariaDB's usual collations take ``A1`` and ``a1`` for equal, SQLite and PostgreSQL do not. A
    collation in the model would be asked of all of them, so it is named for MariaDB only.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 255)
        super().__init__(*args, **kwargs)

    def db_parameters(self, connection: BaseDatabaseWrapper) -> dict[str, str | None]:
        return super().db_parameters(connection) | _PARAMETERS.get(connection.vendor, {})
