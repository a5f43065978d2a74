"""``python3 -m tests --suite faults [--long]``: nothing acknowledged is lost, whatever is killed.

Runs on SQLite, PostgreSQL and MariaDB, in processes of its own, whatever the other tests run on.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults import figures
from tests.faults.place import MariadbPlace, PostgresPlace, SqlitePlace
from tests.faults.stage import Stage

rows = pytest.StashKey[list[dict[str, Any]]]()
ENGINES = {"sqlite3": "sqlite", "postgresql": "postgres", "mysql": "mariadb"}

versions = pytest.StashKey[dict[str, str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="each fault more often and for longer")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[rows], config.stash[versions] = [], {}
    # Ended from outside, a run still has to end the processes it has started.
    signal.signal(signal.SIGTERM, lambda *_: pytest.exit("ended by SIGTERM", 143))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Kill first and compare last: what was killed is due a minute later, while others run."""
    order = {"test_killed": 0, "test_killed_and_finished": 2}
    items.sort(key=lambda item: order.get(getattr(item, "originalname", ""), 1))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    found = sorted(config.stash[rows], key=lambda row: (row["fault"], row["database"]))
    if not found:
        return
    terminalreporter.section("figures")
    for line in figures.table(found):
        terminalreporter.write_line(line)
    if config.getoption("--long"):
        figures.write(found, config.stash[versions])


@pytest.fixture(scope="session")
def short(request: pytest.FixtureRequest) -> Callable[[Any, Any], Any]:
    """Return a function that chooses between the short form's number and the long form's."""
    long = request.config.getoption("--long")
    return lambda short, other: other if long else short


@pytest.fixture(scope="session")
def sqlite_place(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> SqlitePlace:
    place = SqlitePlace(tmp_path_factory.mktemp("sqlite"))
    request.config.stash[versions]["sqlite"] = place.version()
    return place


@pytest.fixture(scope="session")
def postgres_place(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[PostgresPlace]:
    place = PostgresPlace(tmp_path_factory.mktemp("postgres"))
    request.config.stash[versions]["postgres"] = place.version()
    try:
        yield place
    finally:
        place.cluster.close()


@pytest.fixture(scope="session")
def mariadb_place(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[MariadbPlace]:
    place = MariadbPlace(tmp_path_factory.mktemp("mariadb"))
    request.config.stash[versions]["mariadb"] = place.version()
    try:
        yield place
    finally:
        place.close()


@pytest.fixture(params=["sqlite", "postgres", "mariadb"])
def place(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(f"{request.param}_place")


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Callable[..., Stage]]:
    """Return a function that sets up a stage on a database, and take it down at the end."""
    stages: list[Stage] = []

    def set_up(database: dict[str, Any], **keys: Any) -> Stage:
        stages.append(Stage(tmp_path, database, **keys))
        return stages[-1]

    try:
        yield set_up
    finally:
        for one in stages:
            one.close()


@pytest.fixture(scope="session")
def judge(request: pytest.FixtureRequest) -> Callable[..., dict[str, Any]]:
    """Return a function that finishes what a fault left, and keeps and checks its figures."""

    def judged(fault: str, times: int, stage: Stage, *, found: Any = None) -> dict[str, Any]:
        found = found or stage.recover()
        database = ENGINES[stage.database["ENGINE"].rpartition(".")[2]]
        figure = figures.row(fault, database, times, stage, found)
        request.config.stash[rows].append(figure)
        figures.check(figure, stage, found)
        return figure

    return judged
