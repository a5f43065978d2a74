"""``python3 -m tests --suite hostile [--examples 100000]``: every input is kept, even a bad one.

Runs on the server of the other tests, with a separate database.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connections

from tests import databases
from tests.hostile import bodies
from tests.hostile.figures import Figures
from tests.hostile.judge import Judge, Listener
from tests.hostile.server import GUNICORN, UVICORN, Server

seen = pytest.StashKey[Figures]()

#: Examples in a round. After each round the tables are emptied and the search starts again.
ROUND = 2000


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--examples", type=int, default=ROUND, help="mutated inputs, at least 1")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[seen] = Figures()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "examples" in metafunc.fixturenames:
        whole, rest = divmod(metafunc.config.getoption("--examples"), ROUND)
        rounds = [ROUND] * whole + [rest] * bool(rest)
        ids = [f"round{number}" for number in range(1, len(rounds) + 1)]
        metafunc.parametrize("examples", rounds, ids=ids)
    if "large_body" in metafunc.fixturenames:
        is_long = metafunc.config.getoption("--examples") > ROUND
        metafunc.parametrize("large_body", [*bodies.BODIES, *(bodies.MORE if is_long else ())])


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if lines := config.stash[seen].lines(databases.chosen()):
        terminalreporter.section("figures")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def is_long(request: pytest.FixtureRequest) -> bool:
    return request.config.getoption("--examples") > ROUND


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """Return the seed that pytest-randomly prints; it repeats a search."""
    return request.config.getoption("randomly_seed")


@pytest.fixture(scope="session")
def figures(request: pytest.FixtureRequest) -> Figures:
    return request.config.stash[seen]


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> None:
    """Use separate databases, since other suites may run during the long form."""
    for connection in connections.all():
        connection.settings_dict["TEST"]["NAME"] += "_hostile"
        if connection.vendor == "postgresql":
            # No test kills the server, and waiting for the disk would take half of the time.
            connection.settings_dict["OPTIONS"]["options"] = "-c synchronous_commit=off"


@pytest.fixture(scope="session")
def servers(
    django_db_setup: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Server]]:
    """Return a function that starts a server by name, once."""
    commands = {"gunicorn": GUNICORN, "uvicorn": UVICORN}
    started: dict[str, Server] = {}

    def serve(name: str) -> Server:
        if name not in started:
            started[name] = Server(tmp_path_factory.mktemp(name), *commands[name])
        return started[name]

    try:
        yield serve
    finally:
        for server in started.values():
            server.close()


@pytest.fixture
def log() -> Iterator[Listener]:
    """Record all log lines."""
    root, listener = logging.getLogger(), Listener()
    level = root.level
    root.addHandler(listener)
    root.setLevel(logging.DEBUG)
    try:
        yield listener
    finally:
        root.removeHandler(listener)
        root.setLevel(level)


@pytest.fixture
def judge(figures: Figures, log: Listener) -> Judge:
    return Judge(figures, log)
