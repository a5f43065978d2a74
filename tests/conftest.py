"""The database under test: it is reached before anything else, named, and never another one."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection

from tests import databases

VERSION_QUERIES = {
    "sqlite": "SELECT 'SQLite ' || sqlite_version()",
    "postgresql": "SELECT version()",
    "mysql": "SELECT version()",
}
MARKS = {"sqlite": "SQLite", "postgres": "PostgreSQL", "mariadb": "MariaDB"}

server_version = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    name = databases.chosen()
    try:
        version = _ask_version()
    except DatabaseError as err:
        raise pytest.UsageError(
            f"the {name} server refused the tests ({' '.join(str(err).split())}); say with"
            " DATABASE_URL how to reach it."
        ) from err
    if MARKS[name] not in version:
        raise pytest.UsageError(
            f"the tests were to run on {MARKS[name]}, but the server says it is {version!r}; say"
            " with DATABASE_URL where the right one is."
        )
    config.stash[server_version] = version


def pytest_report_header(config: pytest.Config) -> str:
    return f"database: {databases.chosen()} ({connection.vendor}), {config.stash[server_version]}"


def _ask_version() -> str:
    # A connection apart from Django's own, which pytest-django guards until a test asks for it.
    with connection.wrap_database_errors:
        raw = connection.get_new_connection(connection.get_connection_params())
        try:
            cursor = raw.cursor()
            cursor.execute(VERSION_QUERIES[connection.vendor])
            return str(cursor.fetchone()[0])
        finally:
            raw.close()
