"""``python3 -m tests --suite engines``: real brokers, real workers, killed in the middle of it.

Runs on SQLite and on PostgreSQL, in processes of its own, whatever the other tests run on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engines.broker import URLS, Broker
from tests.engines.relay import Relay
from tests.faults.place import PostgresPlace, SqlitePlace
from tests.faults.stage import Stage


@pytest.fixture(scope="session")
def sqlite_place(tmp_path_factory: pytest.TempPathFactory) -> SqlitePlace:
    return SqlitePlace(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(scope="session")
def postgres_place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresPlace]:
    place = PostgresPlace(tmp_path_factory.mktemp("postgres"))
    try:
        yield place
    finally:
        place.cluster.close()


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(f"{request.param}_place")


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
def stage(place: Any, tmp_path: Path) -> Iterator[Callable[..., Stage]]:
    """Return a function that sets up a stage for an engine, and take it down at the end."""
    stages: list[Stage] = []

    def set_up(engine: str, **environment: str) -> Stage:
        path = f"pickyassist_webhooks.engines.{engine}.enqueue"
        stages.append(Stage(tmp_path, place.fresh(tmp_path), PROCESSOR=path))
        stages[-1].environment |= {
            "DJANGO_SETTINGS_MODULE": "tests.engines.settings",
            **environment,
        }
        return stages[-1]

    try:
        yield set_up
    finally:
        for one in stages:
            one.close()
