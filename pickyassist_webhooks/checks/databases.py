"""System checks of databases that cannot store every character. ``migrate`` runs them too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.core.checks import CheckMessage, Tags, register
from django.db import connections, router

from ..models import WebhookRequest
from .messages import OURS, error, warning

_CONNECTION = "SELECT @@character_set_client, @@character_set_connection, @@character_set_results"


@register(OURS, Tags.database)
def check_character_sets(
    app_configs: Any = None, databases: Iterable[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Check that the databases of this app, and their connections, can store all characters."""
    names = [name for name in databases or () if router.allow_migrate_model(name, WebhookRequest)]
    return [message for name in names for message in _of_database(name)]


def _of_database(name: str) -> Iterator[CheckMessage]:
    connection = connections[name]
    if connection.vendor == "mysql":
        lacking = set(_ask(connection, _CONNECTION)) - {"utf8mb4"}
        if lacking:
            yield error(
                13,
                f"The connection to the database {name!r} has the character set"
                f" {' and '.join(sorted(lacking))}, which has no emoji. A request with one fails.",
                "Remove 'charset' from its OPTIONS, or set it to 'utf8mb4'. If the server "
                "sets another one (init_connect, skip-character-set-client-handshake), change it "
                "there.",
            )
    elif connection.vendor == "postgresql":
        [encoding] = _ask(connection, "SHOW server_encoding")
        if encoding != "UTF8":
            yield warning(
                7,
                f"The database {name!r} has the encoding {encoding} instead of UTF8. Characters "
                "that it lacks, such as emoji, are stored as '?'; bodies stay exact.",
                "Create a database with ENCODING 'UTF8' TEMPLATE template0, and move to it "
                "with pg_dump.",
            )


def _ask(connection: Any, statement: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()
