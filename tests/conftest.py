"""Checks the database server first; fixtures for a clock, receivers and logins."""

from __future__ import annotations

import zlib
from datetime import timedelta

import django
import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import DatabaseError, connection
from django.test import Client
from django.utils import timezone

from pickyassist_webhooks import signals
from pickyassist_webhooks.inbox.refusals import refusals
from tests import databases

VERSION_QUERIES = {
    "sqlite": "SELECT 'SQLite ' || sqlite_version()",
    "postgresql": "SELECT version()",
    "mysql": "SELECT version()",
}
#: Databases write, find and lock rows differently: with ``--share`` these run on each of them.
ON_EACH = {
    *("test_borders", "test_bulk", "test_calls", "test_care", "test_concurrency", "test_costs"),
    *("test_endpoint", "test_ingest", "test_prepared", "test_reference", "test_store"),
    *("test_storing", "test_streams", "test_values"),
}
MARKS = {"sqlite": "SQLite", "postgres": "PostgreSQL", "mariadb": "MariaDB"}

server_version = pytest.StashKey[str]()


def pytest_addoption(parser: pytest.Parser) -> None:
    text = "half of the tests on PostgreSQL, the others on MariaDB, and those of storing on both"
    parser.addoption("--share", action="store_true", help=text)


def pytest_configure(config: pytest.Config) -> None:
    name = databases.chosen()
    try:
        version = _ask_version()
    except DatabaseError as err:
        raise pytest.UsageError(
            f"the {name} server refused the tests ({' '.join(str(err).split())}); set DATABASE_URL"
            " to one that accepts them."
        ) from err
    if MARKS[name] not in version:
        raise pytest.UsageError(
            f"expected {MARKS[name]}, but the server is {version!r}; set DATABASE_URL to a"
            f" {MARKS[name]} server."
        )
    config.stash[server_version] = version


def pytest_report_header(config: pytest.Config) -> str:
    return f"database: {databases.chosen()} ({connection.vendor}), {config.stash[server_version]}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    name = databases.chosen()
    if not config.getoption("share") or name == "sqlite":
        return
    half = list(databases.DEFAULT_URLS).index(name)
    others = [
        item
        for item in items
        if item.path.stem not in ON_EACH and zlib.crc32(item.nodeid.encode()) % 2 != half
    ]
    config.hook.pytest_deselected(items=others)
    items[:] = [item for item in items if item not in set(others)]


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        ahead = timedelta()

        def advance(self, **by):
            self.ahead += timedelta(**by)

    clock, now = Clock(), timezone.now
    monkeypatch.setattr("django.utils.timezone.now", lambda: now() + clock.ahead)
    return clock


@pytest.fixture(autouse=True)
def no_refusals():
    """Forget the refused requests of the tests before, which wait in memory."""
    refusals.forget()


@pytest.fixture
def listen():
    """Connect receivers for one test and record their calls."""
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
    # A separate connection: pytest-django blocks that of Django until a test asks for it.
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
    """Return a function that logs in a staff user or superuser and returns the client."""

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


@pytest.fixture
def admins(settings):
    """Let Django mail an admin, in the way of its version."""
    settings.ADMINS = ["ann@x.y"] if django.VERSION >= (6, 0) else [("Ann", "ann@x.y")]
    if django.VERSION >= (6, 1):  # which warns of projects without it
        backend = "django.core.mail.backends.locmem.EmailBackend"
        settings.MAILERS = {"default": {"BACKEND": backend}}
