"""Tables and what is written to them on any database, by way of the ORM."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from typing import Any

from django.db import connections, models

#: Rows written by one statement, which databases and drivers hold in memory several times over;
#: MariaDB refuses one of more than ``max_allowed_packet``.
BATCH = 5000

Values = Mapping[str, Any]


class Table:
    """The rows of a model. Whatever takes a set of them works in the order of their keys.

    Overlapping sets then do not wait for each other in a circle.
    """

    def __init__(self, model: type[models.Model], database: str) -> None:
        self.model = model
        self.database = database

    def keep(self, row: Any) -> None:
        """Insert one row and give it its id."""
        row.save(using=self.database, force_insert=True)

    def find(self, keys: Iterable[str]) -> dict[str, Any]:
        """Lock and return the rows with these keys, by key."""
        wanted = sorted(keys)
        return self._find(wanted) if wanted else {}

    def insert(self, rows: list[Any]) -> None:
        """Insert new rows and give them their ids.

        Raises ``IntegrityError`` where a key is there already.
        """
        self.rows.bulk_create(rows)

    def update(self, rows: list[Any]) -> None:
        """Write rows that were found, and so locked, and then changed."""
        # MariaDB takes any unique key for the target and refuses to be told which.
        told = self.connection.features.supports_update_conflicts_with_target
        self.rows.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["key"] if told else None,
            update_fields=[field.name for field in self.changing],
        )

    def change(self, pks: list[int], held: Values, changes: Values) -> int:
        """Write to those of these rows that still hold some values, and return how many did."""
        return self.rows.filter(pk__in=pks, **held).update(**changes)

    def lock(self, pks: list[int], held: Values) -> int:
        """Lock those of these rows that still hold some values, and return how many do."""
        return len(self.rows.filter(pk__in=pks, **held).select_for_update().values_list("pk"))

    @property
    def connection(self) -> Any:
        return connections[self.database]

    @property
    def rows(self) -> models.QuerySet[Any]:
        return self.model._default_manager.using(self.database)

    @cached_property
    def written(self) -> list[Any]:
        """All fields but the primary key."""
        return [field for field in self.model._meta.concrete_fields if not field.primary_key]

    @cached_property
    def changing(self) -> list[Any]:
        """The fields that an update writes: not what a row is known by, nor where it came from."""
        return [
            field
            for field in self.written
            if field.name != "key" and not isinstance(field, models.ForeignKey)
        ]

    def _find(self, keys: list[str]) -> dict[str, Any]:
        return self.rows.select_for_update().order_by("key").in_bulk(keys, field_name="key")


@dataclass
class Insert:
    """New rows, which get their ids."""

    table: Table
    rows: list[Any]

    def execute(self) -> None:
        self.table.insert(self.rows)
        self.done()

    def done(self) -> None:
        for row in self.rows:
            row._state.adding, row._state.db = False, self.table.database


@dataclass
class Update:
    """Rows that were found and changed."""

    table: Table
    rows: list[Any]

    def execute(self) -> None:
        self.table.update(self.rows)


@dataclass
class Change:
    """The same values for rows that have to hold others still, or ``lost`` is raised."""

    table: Table
    rows: list[Any]
    held: Values
    changes: Values
    lost: Exception

    def execute(self) -> None:
        self.done(self.table.change([row.pk for row in self.rows], self.held, self.changes))

    def done(self, changed: int) -> None:
        if changed != len(self.rows):
            raise self.lost


class Writes:
    """What one transaction is to write once all is decided, in the order in which it was added."""

    def __init__(self, database: str) -> None:
        self.database = database
        self.waiting: list[Insert | Update | Change] = []

    def insert(self, table: Table, rows: list[Any]) -> None:
        self.waiting += [Insert(table, chunk) for chunk in _chunks(rows)]

    def update(self, table: Table, rows: list[Any]) -> None:
        self.waiting += [Update(table, chunk) for chunk in _chunks(rows)]

    def change(
        self, table: Table, rows: list[Any], held: Values, changes: Values, lost: Exception
    ) -> None:
        self.waiting.append(Change(table, rows, held, changes, lost))

    def execute(self) -> None:
        """Write it. Raises what the database raises, and what a change is to raise."""
        for write in self.waiting:
            write.execute()


def _chunks(rows: list[Any]) -> Iterator[list[Any]]:
    ordered = sorted(rows, key=attrgetter("key"))
    for start in range(0, len(ordered), BATCH):
        yield ordered[start : start + BATCH]
