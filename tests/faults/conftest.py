"""``python3 -m tests --suite faults [--long]``: no acknowledged event is lost if a process dies.

Always runs on SQLite, PostgreSQL and MariaDB, in separate processes.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults import figures
from tests.faults.backends import MariadbBackend, PostgresBackend, SqliteBackend
from tests.faults.stage import Stage

rows = pytest.StashKey[list[dict[str, Any]]]()
ENGINES = {"sqlite3": "sqlite", "postgresql": "postgres", "mysql": "mariadb"}

versions = pytest.StashKey[dict[str, str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="each fault more often and for longer")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[rows], config.stash[versions] = [], {}
    # If a run is terminated, it must still end the processes it has started.
    signal.signal(signal.SIGTERM, lambda *_: pytest.exit("ended by SIGTERM", 143))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Kill first and compare last: meanwhile the requests of killed workers become due."""
    order = {"test_killed": 0, "test_killed_and_finished": 2}
    items.sort(key=lambda item: order.get(getattr(item, "originalname", ""), 1))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    sorted_rows = sorted(config.stash[rows], key=lambda row: (row["fault"], row["database"]))
    if not sorted_rows:
        return
    terminalreporter.section("figures")
    for line in figures.table(sorted_rows):
        terminalreporter.write_line(line)
    if config.getoption("--long"):
        figures.write(sorted_rows, config.stash[versions])


@pytest.fixture(scope="session")
def short(request: pytest.FixtureRequest) -> Callable[[Any, Any], Any]:
    """Return a function that chooses between the values for a short and a long run."""
    long = request.config.getoption("--long")
    return lambda short, other: other if long else short


@pytest.fixture(scope="session")
def sqlite_backend(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> SqliteBackend:
    backend = SqliteBackend(tmp_path_factory.mktemp("sqlite"))
    request.config.stash[versions]["sqlite"] = backend.version()
    return backend


@pytest.fixture(scope="session")
def postgres_backend(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[PostgresBackend]:
    backend = PostgresBackend(tmp_path_factory.mktemp("postgres"))
    request.config.stash[versions]["postgres"] = backend.version()
    try:
        yield backend
    finally:
        backend.cluster.close()


@pytest.fixture(scope="session")
def mariadb_backend(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[MariadbBackend]:
    backend = MariadbBackend(tmp_path_factory.mktemp("mariadb"))
    request.config.stash[versions]["mariadb"] = backend.version()
    try:
        yield backend
    finally:
        backend.close()


@pytest.fixture(params=["sqlite", "postgres", "mariadb"])
def backend(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(f"{request.param}_backend")


@pytest.fixture
def make_stage(tmp_path: Path) -> Iterator[Callable[..., Stage]]:
    """Return a function that makes a stage on a database; close the stages at the end."""
    stages: list[Stage] = []

    def set_up(database: dict[str, Any], **keys: Any) -> Stage:
        stages.append(Stage(tmp_path, database, **keys))
        return stages[-1]

    try:
        yield set_up
    finally:
        for stage in stages:
            stage.close()


@pytest.fixture(scope="session")
def judge(request: pytest.FixtureRequest) -> Callable[..., dict[str, Any]]:
    """Return a function that finishes the work after a fault, and keeps and checks its figures."""

    def judged(fault: str, times: int, stage: Stage, *, result: Any = None) -> dict[str, Any]:
        result = result or stage.recover()
        database = ENGINES[stage.database["ENGINE"].rpartition(".")[2]]
        figure = figures.row(fault, database, times, stage, result)
        request.config.stash[rows].append(figure)
        figures.check(figure, stage, result)
        return figure

    return judged
