"""``python3 -m tests --suite browser``: nothing a stranger sends comes alive in the admin.

Runs in headless Chromium, under a Content-Security-Policy that blocks and tells.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import django
import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from playwright.sync_api import Browser, ViewportSize, sync_playwright

from tests.browser.addresses import MODELS
from tests.browser.place import Place, fill
from tests.browser.server import database, running
from tests.browser.visitor import Visitor

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox",  # root has none
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # what is alive stays here
]
#: As wide as a desk's, and low, so that there is less to draw on each page.
SIZE: ViewportSize = {"width": 1280, "height": 200}
ROOT, VIEWER, PASSWORD = "root", "viewer", "only-for-the-tests"

figures = pytest.StashKey[dict[str, Any]]()
controls = pytest.StashKey[Counter[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[figures], config.stash[controls] = {}, Counter()


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for title, found in (("figures", figures), ("found on live pages", controls)):
        if config.stash[found]:
            terminalreporter.section(title)
            words = (f"{name}: {value}" for name, value in config.stash[found].items())
            terminalreporter.write_line(", ".join(words))


@pytest.fixture(scope="session")
def place(django_test_environment: None, django_db_blocker: Any) -> Iterator[Place]:
    """Serve one database to all tests, which leave the rows in it alone."""
    with django_db_blocker.unblock(), database(), running() as origin:
        users = get_user_model().objects
        users.create_superuser(ROOT, password=PASSWORD)
        viewer = users.create_user(VIEWER, password=PASSWORD, is_staff=True)
        names = [f"view_{model._meta.model_name}" for model in MODELS]
        viewer.user_permissions.set(Permission.objects.filter(codename__in=names))
        yield fill(origin)


@pytest.fixture(scope="session")
def browser(place: Place) -> Iterator[Browser]:
    """Start the system's Chromium, after all that this thread has to ask the database.

    Playwright leaves an event loop running in the thread, in which Django refuses to ask.
    """
    found = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if found is None:
        raise FileNotFoundError(f"expected a browser ({', '.join(CHROMIUM)}), found none")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def log_in(
    browser: Browser, place: Place, pytestconfig: pytest.Config
) -> Iterator[Callable[[str], Visitor]]:
    """Return a function that logs a user in, in a browser window of their own."""
    visitors: list[Visitor] = []

    def log_in(user: str) -> Visitor:
        context = browser.new_context(viewport=SIZE)
        visitor = Visitor(context.new_page(), place.origin)
        visitors.append(visitor)
        assert visitor.visit("/admin/login/") == []
        visitor.page.fill("[name=username]", user)
        visitor.page.fill("[name=password]", PASSWORD)
        assert visitor.press("[type=submit]") == []
        return visitor

    yield log_in
    found: Counter[str] = sum((visitor.found for visitor in visitors), Counter())
    kinds = ("violation", "foreign request", "dialog")
    pytestconfig.stash[figures] |= {
        "Django": django.get_version(),
        "Chromium": browser.version,
        "requests": place.requests,
        "rows": place.stored,
        "rows visited": sum(map(len, place.rows.values())),
        "pages": sum(visitor.pages for visitor in visitors),
        **{f"{kind}s": found.pop(kind, 0) for kind in kinds},
        "other findings": found.total(),
    }
    for visitor in visitors:
        visitor.page.context.close()
        assert visitor.events == []  # nor has anything come after the last page was inspected


@pytest.fixture(scope="session")
def visitor(log_in: Callable[[str], Visitor]) -> Visitor:
    """Return a visitor who may do everything."""
    return log_in(ROOT)


@pytest.fixture(scope="session")
def viewer(log_in: Callable[[str], Visitor]) -> Visitor:
    """Return a visitor who may look at every page, and to whom personal data is not shown."""
    return log_in(VIEWER)


@pytest.fixture
def control(browser: Browser, place: Place, pytestconfig: pytest.Config) -> Iterator[Visitor]:
    """Return a visitor for pages that are alive, whose last words reach no other test."""
    context = browser.new_context()
    visitor = Visitor(context.new_page(), place.origin)
    yield visitor
    context.close()
    pytestconfig.stash[controls].update(visitor.found)
