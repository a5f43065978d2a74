"""The database under test, reached before anything else and named; a clock and receivers."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import DatabaseError, connection
from django.test import Client
from django.utils import timezone

from pickyassist_webhooks import signals
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


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        ahead = timedelta()

        def advance(self, **by):
            self.ahead += timedelta(**by)

    clock, now = Clock(), timezone.now
    monkeypatch.setattr("django.utils.timezone.now", lambda: now() + clock.ahead)
    return clock


@pytest.fixture
def listen():
    """Connect receivers for one test and record what they were sent."""
    connected = []

    def listen(name, receiver=None):
        calls = []

        def record(sender, **named):
            named.pop("signal")
            calls.append(named)

        signal = getattr(signals, name)
        receiver = receiver or record
        signal.connect(receiver)
        connected.append((signal, receiver))
        return calls

    yield listen
    for signal, receiver in connected:
        signal.disconnect(receiver)


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


@pytest.fixture
def login(db):
    """Log a staff user with these permissions in, or a superuser, and return a client of theirs."""

    def login(*codenames, superuser=False):
        client, users = Client(), get_user_model().objects
        user = users.create_user(f"user{users.count()}", is_staff=True, is_superuser=superuser)
        user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        assert user.user_permissions.count() == len(codenames)
        client.force_login(user)
        return client

    return login


@pytest.fixture
def root(login):
    return login(superuser=True)
