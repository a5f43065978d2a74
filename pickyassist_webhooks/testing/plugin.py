"""Fixtures for pytest: ``pytest_plugins = ["pickyassist_webhooks.testing.plugin"]``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import pytest
from django.test import Client

from ..inbox.refusals import refusals
from .capturing import CapturedEvents, capture_events
from .folders import own_spool
from .posting import post_event as post

if TYPE_CHECKING:
    from .posting import Response


@pytest.hookimpl(hookwrapper=True)
def pytest_runtestloop() -> Iterator[None]:
    """Keep all tests and fixtures away from the ``SPOOL_DIR`` of the project."""
    with own_spool():
        yield


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol() -> Iterator[None]:
    """Give each test an empty ``SPOOL_DIR``, if the project has one, and no refused requests."""
    refusals.forget()
    with own_spool():
        yield


@pytest.fixture
def post_event(db: None) -> Callable[..., Response]:
    """Provide ``post_event(payload)``, which posts and processes it and returns the response."""
    return partial(post, Client())


@pytest.fixture
def captured_events() -> Iterator[CapturedEvents]:
    """Capture every signal call of this app during the test."""
    with capture_events() as captured:
        yield captured
