"""MariaDB: statements with lists of values, which return the ids of new rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .compiled import ALL, quoted, table_of
from .plan import give_ids, model_of
from .values import ValuesWriter


class MariadbWriter(ValuesWriter):
    binary = "_binary %s"  # otherwise they would be text in the connection's character set
    is_one_of = "IN %s"  # the driver writes a tuple as a list of values
    own_value = "JSON_EXTRACT(%s, CONCAT('$.', JSON_QUOTE(CAST(id AS CHAR))))"
    as_set = tuple
    or_else = "ON DUPLICATE KEY UPDATE"
    changed_column = "{name} = VALUES({name})"
    locking = " FOR UPDATE"

    def execute(self, result: Callable[[Any], Any], statement: str, values: list[Any]) -> Any:
        return super().execute(result, statement.replace('"', "`"), values)

    def by_keys(self, model: Any) -> str:
        # MariaDB would read all of a small table, and lock the rows in the order of their ids:
        # workers would deadlock.
        [index] = [each.name for each in model._meta.constraints if each.fields == ("key",)]
        return f" FORCE INDEX ({quoted(index)})"

    def insert(self, rows: list[Any]) -> None:
        model = model_of(rows)
        # A cluster counts ids in steps, so they do not follow from the last one.
        key = quoted("key") if hasattr(model, "key") else "''"
        returning = f"RETURNING id, {key}"
        give_ids(rows, self.insert_values(rows, table_of(model).written, returning, ALL))
