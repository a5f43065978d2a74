"""Read and write by the ORM, which knows every database."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import connections, models

from .plan import Change, Insert, Plan, Update, give_ids, give_request, model_of, request_of


class Writer:
    """The rows of one database, read and written in sets."""

    #: Whether ``write`` fails if another worker changed a row since it was found without a lock.
    is_guarding = False

    def __init__(self, database: str) -> None:
        self.database = database
        self.connection: Any = connections[database]

    def find(self, model: Any, keys: Iterable[str], lock: bool) -> dict[str, Any]:
        """Return the rows with these keys, by key, and lock them if ``lock`` is true."""
        wanted = sorted(keys)
        return self.find_sorted(model, wanted, lock) if wanted else {}

    def write(self, plan: Plan) -> None:
        """Write a plan. Raises errors of the database, and ``LeaseLost``."""
        request = request_of(plan)
        for step in plan:
            if isinstance(step, Change):
                step.check(self.change(step))
                continue
            if request is not None:
                give_request(step.rows, request.pk)
            if isinstance(step, Update):
                self.update(step.rows)
            else:
                self.insert(step.rows)
                self.mark_saved(step)

    def use_first(self, model: Any) -> None:
        """Use a table in this transaction before any table that refers to it.

        On MariaDB and MySQL, a migration of the table locks those that refer to it. A transaction
        that used one of them first would wait for the migration, and the migration for it: 50
        seconds. Other databases notice transactions that wait for each other.
        """
        if self.connection.vendor == "mysql":
            self.rows_of(model).filter(pk=0).exists()

    def see_new_commits(self) -> None:
        """Let this transaction, which just began, read what others commit while it runs.

        With REPEATABLE READ or SERIALIZABLE, PostgreSQL fails if another worker was faster, and
        MariaDB locks the gaps between rows, so that workers deadlock again and again.
        SQLite has one writer at a time.
        """
        if self.connection.features.has_select_for_update:
            with self.connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")

    def mark_saved(self, step: Insert) -> None:
        for row in step.rows:
            row._state.adding, row._state.db = False, self.database

    def insert(self, rows: list[Any]) -> None:
        """Insert new rows and give them their ids; ``IntegrityError`` if a key exists."""
        if len(rows) == 1:
            # Django would commit a set, and with it a transaction that was begun in plain SQL.
            rows[0].save(using=self.database, force_insert=True)
        else:
            model = model_of(rows)
            self.rows_of(model).bulk_create(rows)
            if rows[0].pk is None:  # MySQL returns no ids
                keys = [row.key for row in rows]
                give_ids(rows, self.rows_of(model).filter(key__in=keys).values_list("pk", "key"))

    def update(self, rows: list[Any]) -> None:
        # MySQL uses any unique key as the target, and accepts no name of one.
        takes_target = self.connection.features.supports_update_conflicts_with_target
        self.rows_of(model_of(rows)).bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["key"] if takes_target else None,
            update_fields=[field.name for field in changing_fields(model_of(rows))],
        )

    def change(self, step: Change) -> int:
        """Change rows and return how many."""
        rows = self.rows_of(model_of(step.rows)).filter(pk__in=[row.pk for row in step.rows])
        own = {name: _own_values(step, name) for name in step.own}
        return int(rows.filter(**step.rows[0].claim).update(**step.changes, **own))

    def find_sorted(self, model: Any, keys: list[str], lock: bool) -> dict[str, Any]:
        rows = self.rows_of(model).order_by("key")
        return dict((rows.select_for_update() if lock else rows).in_bulk(keys, field_name="key"))

    def rows_of(self, model: Any) -> Any:
        return model._default_manager.using(self.database)


def _own_values(step: Change, name: str) -> Any:
    field = models.JSONField()
    whens = [
        models.When(pk=pk, then=models.Value(value, output_field=field))
        for pk, value in step.own_values(name).items()
    ]
    return models.Case(*whens, output_field=field)


def changing_fields(model: Any) -> list[Any]:
    """Return the fields that an update writes: neither the key nor the request."""
    return [
        field
        for field in model._meta.concrete_fields
        if not field.primary_key
        and field.name != "key"
        and not isinstance(field, models.ForeignKey)
    ]
