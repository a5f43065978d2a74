"""``python3 -m tests --suite engines``: real brokers and real workers, which are killed.

Always runs on SQLite and PostgreSQL, in separate processes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engines.broker import URLS, Broker
from tests.engines.relay import Relay
from tests.faults.backends import PostgresBackend, SqliteBackend
from tests.faults.stage import Stage


@pytest.fixture(scope="session")
def sqlite_backend(tmp_path_factory: pytest.TempPathFactory) -> SqliteBackend:
    return SqliteBackend(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(scope="session")
def postgres_backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresBackend]:
    backend = PostgresBackend(tmp_path_factory.mktemp("postgres"))
    try:
        yield backend
    finally:
        backend.cluster.close()


@pytest.fixture(params=["sqlite", "postgres"])
def backend(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(f"{request.param}_backend")


@pytest.fixture(params=URLS)
def broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    broker = Broker(request.param)
    try:
        yield broker
    finally:
        broker.tidy()


@pytest.fixture
def relay(broker: Broker) -> Iterator[Relay]:
    relay = Relay(broker.address)
    try:
        yield relay
    finally:
        relay.close()


@pytest.fixture
def make_stage(backend: Any, tmp_path: Path) -> Iterator[Callable[..., Stage]]:
    """Return a function that makes a stage for an engine; close the stages at the end."""
    stages: list[Stage] = []

    def set_up(engine: str, **environment: str) -> Stage:
        path = f"pickyassist_webhooks.engines.{engine}.enqueue"
        stages.append(Stage(tmp_path, backend.fresh(tmp_path), PROCESSOR=path))
        stages[-1].environment |= {
            "DJANGO_SETTINGS_MODULE": "tests.engines.settings",
            **environment,
        }
        return stages[-1]

    try:
        yield set_up
    finally:
        for stage in stages:
            stage.close()
