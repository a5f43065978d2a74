"""The databases to measure on: an empty one, and others with the rows of years.

``python -m benchmarks.databases`` makes and fills the default one of ``benchmarks.settings``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from django.conf import settings


class Router:
    """Sends all queries to the database that is measured now."""

    now = "default"

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return Router.now

    def db_for_write(self, model: Any, **hints: Any) -> str:
        return Router.now


def aliases() -> dict[int, str]:
    """Return the alias of each database by its number of initial rows."""
    return dict(zip(settings.ROWS, settings.DATABASES, strict=True))


@contextmanager
def at(rows: int) -> Iterator[None]:
    """Use the database that began with ``rows`` rows."""
    before, Router.now = Router.now, aliases()[rows]
    yield
    Router.now = before


@contextmanager
def kept_connections() -> Iterator[None]:
    """Let requests share a connection, as with ``CONN_MAX_AGE``. By default each opens its own."""
    from django.db import connections

    for max_age in (None, 0):
        for alias in aliases().values():
            connections[alias].close()
            connections[alias].settings_dict["CONN_MAX_AGE"] = max_age
        if max_age is None:
            yield


def make(rows: int) -> None:
    """Make and fill a database, in a new process that has it as the default one."""
    environment = os.environ | {"BENCHMARK_ROWS": str(rows)}
    subprocess.run([sys.executable, "-m", "benchmarks.databases"], env=environment, check=True)


def drop() -> None:
    """Drop all databases."""
    from django.db import DatabaseError, connections

    for alias in aliases().values():
        with suppress(DatabaseError, FileNotFoundError):  # it does not exist
            connections[alias].creation.destroy_test_db("", verbosity=0)


def empty() -> None:
    """Empty the database that had no initial rows."""
    from django.core.management import call_command

    if 0 in aliases():
        call_command("flush", verbosity=0, interactive=False, database=aliases()[0])


def _make_default() -> None:
    import django

    django.setup()
    from django.db import connection

    from pickyassist_webhooks.models import DeliveryReport, Message, WebhookRequest
    from tests.scale.filling import fill

    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    [rows] = settings.ROWS
    if rows:
        fill(rows, [WebhookRequest, DeliveryReport, Message])
        _fill_alternatives(rows)


def _fill_alternatives(rows: int) -> None:
    """Make as many rows for the alternatives."""
    from django.db import connection

    from benchmarks.alternatives.models import Payload, TrackingEvent
    from tests.scale.dialects import dialect
    from tests.scale.expressions import Expressions

    sql = dialect()
    made = Expressions(sql, rows)
    message, body = made.message("n"), sql.json("""'{"project_id": "4100", "event_id": 1}'""")
    columns: dict[Any, dict[str, str]] = {
        Payload: {"id": "n", "payload": body, "received_at": made.moment()},
        TrackingEvent: {
            "id": "n",
            "event_id": sql.padded("n", 12),
            "message_id": message["msg_id"],
            "event_type": "'delivered'",
            "recipient": message["number"],
            "timestamp": made.moment(),
            "payload": body,
        },
    }
    with connection.cursor() as cursor:
        for model, values in columns.items():
            table = model._meta.db_table
            names = ", ".join(map(connection.ops.quote_name, values))
            cursor.execute(sql.insert(table, names, ", ".join(values.values()), rows))
            cursor.execute(sql.analyze.format(table=table))
        from django.core.management.color import no_style

        for statement in connection.ops.sequence_reset_sql(no_style(), list(columns)):
            cursor.execute(statement)


if __name__ == "__main__":
    _make_default()
