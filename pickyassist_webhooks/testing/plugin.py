"""Fixtures for pytest: ``pytest_plugins = ["pickyassist_webhooks.testing.plugin"]``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import pytest
from django.test import Client

from .capturing import CapturedEvents, capture_events
from .posting import post_event as post

if TYPE_CHECKING:
    from .posting import Response


@pytest.fixture
def post_event(db: None) -> Callable[..., Response]:
    """``post_event(payload)``: post it, have it processed, and get the response."""
    return partial(post, Client())


@pytest.fixture
def captured_events() -> Iterator[CapturedEvents]:
    """Every signal of this app that is sent while the test runs."""
    with capture_events() as captured:
        yield captured
