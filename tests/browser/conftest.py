"""``python3 -m tests --suite browser``: what the admin answers, and that strangers change nothing.

Runs in headless Chromium, under a Content-Security-Policy that blocks and tells. Some tests visit
an admin full of what strangers sent, the others a shop's.
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
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

from tests.browser import shop as shops
from tests.browser.addresses import MODELS
from tests.browser.place import Place, fill
from tests.browser.server import database, running
from tests.browser.shop import PASSWORD, Shop
from tests.browser.visitor import Visitor

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox",  # root has none
    "--disable-gpu",
    "--disable-lcd-text",  # coloured edges of letters make pictures large
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # what is alive stays here
]
#: As wide as a desk's, and low, so that there is less to draw on each page.
SIZE: ViewportSize = {"width": 1280, "height": 200}
#: As people have them.
DESK: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
#: Milliseconds to wait for what has to come: a page, a text on it.
PATIENCE = 10_000
ROOT, VIEWER = "root", "viewer"

figures = pytest.StashKey[dict[str, Any]]()
controls = pytest.StashKey[Counter[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    said = "write the pictures of the docs to docs/screenshots, and not only to a temporary folder"
    parser.addoption("--screenshots", action="store_true", help=said)


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
        expect.set_options(timeout=PATIENCE)
        yield browser
        browser.close()


def enter(browser: Browser, origin: str, user: str, size: ViewportSize) -> Visitor:
    """Log a user in to an admin, in a browser window of their own."""
    context = browser.new_context(viewport=size, reduced_motion="reduce")
    context.set_default_timeout(PATIENCE)
    visitor = Visitor(context.new_page(), origin)
    assert visitor.visit("/admin/login/?next=/admin/") == []
    visitor.page.fill("[name=username]", user)
    visitor.page.fill("[name=password]", PASSWORD)
    assert visitor.press("[type=submit]") == []
    return visitor


@pytest.fixture(scope="session")
def log_in(
    browser: Browser, place: Place, pytestconfig: pytest.Config
) -> Iterator[Callable[[str], Visitor]]:
    """Return a function that logs a user in, in a browser window of their own."""
    visitors: list[Visitor] = []

    def log_in(user: str) -> Visitor:
        visitor = enter(browser, place.origin, user, SIZE)
        visitors.append(visitor)
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


@pytest.fixture(scope="session")
def shop() -> Iterator[Shop]:
    """Serve a shop's month to all tests that only look at it."""
    with shops.serving("filled") as shop:
        yield shop


@pytest.fixture
def new_shop() -> Iterator[Shop]:
    """Serve a shop to which nothing has come so far."""
    with shops.serving("empty") as shop:
        yield shop


@pytest.fixture
def sit_down(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Return a function that gives a user the admin's first page; nothing may be blocked there."""
    visitors: list[Visitor] = []

    def sit_down(shop: Shop, user: str = shops.OWNER, size: ViewportSize = DESK) -> Page:
        visitors.append(enter(browser, shop.origin, user, size))
        return visitors[-1].page

    yield sit_down
    for visitor in visitors:
        visitor.page.context.close()
        assert visitor.events == []


@pytest.fixture
def page(shop: Shop, sit_down: Callable[..., Page]) -> Page:
    """Return the first page of the shop's admin, as its owner sees it at a desk."""
    return sit_down(shop)


@pytest.fixture(scope="session")
def workshop() -> Iterator[Shop]:
    """Serve a shop's month to the tests that change what is there, each something of its own."""
    with shops.serving("filled") as shop:
        yield shop
