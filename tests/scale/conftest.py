"""``python3 -m tests --suite scale [--rows 5000000]``: the admin pages with so many rows.

Runs on the server of the other tests, with a separate database.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client

from tests import databases
from tests.browser.server import database
from tests.scale.figures import FEW, Figures, answers
from tests.scale.filling import fill
from tests.scale.meter import Meter

#: The least rows of each model; up to ``FEW`` the limits apply to every database. ``STEP`` is the
#: number of requests of which one is failing.
ROWS, STEP = 20_000, 2000

measured = pytest.StashKey[Figures]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rows", type=int, default=ROWS, help=f"rows of each model, {ROWS} or more")
    parser.addoption("--figures", type=Path, help="a file to write the figures to, as JSON")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[answers] = []
    rows = config.getoption("--rows")
    if rows < ROWS or rows % STEP:
        raise pytest.UsageError(f"--rows is {rows}; use {ROWS} or more, in steps of {STEP}.")


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    figures = config.stash.get(measured, None)
    if figures and figures.looks:
        terminalreporter.section("figures")
        for line in figures.lines():
            terminalreporter.write_line(line)
    if config.stash[answers]:
        terminalreporter.section("the read API: milliseconds, median and p99")
        for name, p50, p99 in config.stash[answers]:
            terminalreporter.write_line(f"{name:32} {p50:7.1f} {p99:7.1f}")


@pytest.fixture(scope="session")
def made(pytestconfig: pytest.Config) -> int:
    """Return the number of rows of each model."""
    return int(pytestconfig.getoption("--rows"))


@pytest.fixture(scope="session")
def seeded_in(django_test_environment: None, django_db_blocker: Any, made: int) -> Iterator[float]:
    """Make and fill a database for all tests, and yield the seconds that took."""
    connection.settings_dict["TEST"]["NAME"] += "_scale"  # other tests may use the usual one
    with django_db_blocker.unblock(), database():
        began = time.monotonic()
        fill(made)
        yield time.monotonic() - began


@pytest.fixture(scope="session")
def meter(seeded_in: float, made: int, pytestconfig: pytest.Config) -> Iterator[Meter]:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root"))
    meter = Meter(client, asserts_limits=connection.vendor == "postgresql" or made <= FEW)
    yield meter
    figures = Figures(databases.chosen(), made, seeded_in, meter.seen())
    pytestconfig.stash[measured] = figures
    if file := pytestconfig.getoption("--figures"):
        figures.write(file)
