"""``python3 -m tests --suite browser``: the admin answers questions, and strangers change nothing.

The tests run in headless Chromium, under a Content-Security-Policy that blocks and reports. Some
visit an admin full of texts of strangers, the others the admin of a shop.
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
from tests.browser.server import database, running
from tests.browser.shop import PASSWORD, Shop
from tests.browser.site import Site, fill
from tests.browser.visitor import Visitor

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox",  # root has none
    "--disable-gpu",
    "--disable-lcd-text",  # coloured edges of letters make pictures large
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # nothing leaves this machine
]
#: As wide as a desk's, and low, so that there is less to draw on each page.
SIZE: ViewportSize = {"width": 1280, "height": 200}
#: The sizes that people have.
DESK: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
#: Milliseconds to wait for a page, or for a text on it.
PATIENCE = 10_000
ROOT, VIEWER = "root", "viewer"

figures = pytest.StashKey[dict[str, Any]]()
controls = pytest.StashKey[Counter[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    sentence = (
        "write the pictures of the docs to docs/screenshots, and not only to a temporary folder"
    )
    parser.addoption("--screenshots", action="store_true", help=sentence)


def pytest_configure(config: pytest.Config) -> None:
    config.stash[figures], config.stash[controls] = {}, Counter()


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for title, findings in (("figures", figures), ("found on live pages", controls)):
        if config.stash[findings]:
            terminalreporter.section(title)
            words = (f"{name}: {value}" for name, value in config.stash[findings].items())
            terminalreporter.write_line(", ".join(words))


@pytest.fixture(scope="session")
def site(django_test_environment: None, django_db_blocker: Any) -> Iterator[Site]:
    """Serve one database to all tests; none changes its rows."""
    with django_db_blocker.unblock(), database(), running() as origin:
        users = get_user_model().objects
        users.create_superuser(ROOT, password=PASSWORD)
        viewer = users.create_user(VIEWER, password=PASSWORD, is_staff=True)
        names = [f"view_{model._meta.model_name}" for model in MODELS]
        viewer.user_permissions.set(Permission.objects.filter(codename__in=names))
        yield fill(origin)


@pytest.fixture(scope="session")
def browser(site: Site) -> Iterator[Browser]:
    """Start the system's Chromium, after the last query of this thread.

    Playwright leaves an event loop running in the thread, and Django refuses queries in one.
    """
    findings = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if findings is None:
        raise FileNotFoundError(f"expected a browser ({', '.join(CHROMIUM)}), found none")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=findings, args=ARGUMENTS)
        expect.set_options(timeout=PATIENCE)
        yield browser
        browser.close()


def enter(
    browser: Browser, origin: str, user: str, size: ViewportSize, language: str = "en-US"
) -> Visitor:
    """Log a user in to an admin, in a browser window of their own."""
    context = browser.new_context(viewport=size, reduced_motion="reduce", locale=language)
    context.set_default_timeout(PATIENCE)
    visitor = Visitor(context.new_page(), origin)
    assert visitor.visit("/admin/login/?next=/admin/") == []
    visitor.page.fill("[name=username]", user)
    visitor.page.fill("[name=password]", PASSWORD)
    assert visitor.press("[type=submit]") == []
    return visitor


@pytest.fixture(scope="session")
def log_in(
    browser: Browser, site: Site, pytestconfig: pytest.Config
) -> Iterator[Callable[[str], Visitor]]:
    """Return a function that logs a user in, in a browser window of their own."""
    visitors: list[Visitor] = []

    def log_in(user: str) -> Visitor:
        visitor = enter(browser, site.origin, user, SIZE)
        visitors.append(visitor)
        return visitor

    yield log_in
    findings: Counter[str] = sum((visitor.findings for visitor in visitors), Counter())
    kinds = ("violation", "foreign request", "dialog")
    pytestconfig.stash[figures] |= {
        "Django": django.get_version(),
        "Chromium": browser.version,
        "requests": site.requests,
        "rows": site.stored,
        "rows visited": sum(map(len, site.rows.values())),
        "pages": sum(visitor.pages for visitor in visitors),
        **{f"{kind}s": findings.pop(kind, 0) for kind in kinds},
        "other findings": findings.total(),
    }
    for visitor in visitors:
        visitor.page.context.close()
        assert visitor.events == []  # no event after the last inspection


@pytest.fixture(scope="session")
def visitor(log_in: Callable[[str], Visitor]) -> Visitor:
    """Return a visitor who may do everything."""
    return log_in(ROOT)


@pytest.fixture(scope="session")
def viewer(log_in: Callable[[str], Visitor]) -> Visitor:
    """Return a visitor who may see every page, but no personal data."""
    return log_in(VIEWER)


@pytest.fixture
def control(browser: Browser, site: Site, pytestconfig: pytest.Config) -> Iterator[Visitor]:
    """Return a visitor for live pages, whose late events reach no other test."""
    context = browser.new_context()
    visitor = Visitor(context.new_page(), site.origin)
    yield visitor
    context.close()
    pytestconfig.stash[controls].update(visitor.findings)


@pytest.fixture(scope="session")
def shop() -> Iterator[Shop]:
    """Serve a shop's month to all tests that change nothing."""
    with shops.serving("filled") as shop:
        yield shop


@pytest.fixture
def new_shop() -> Iterator[Shop]:
    """Serve a shop that has received nothing yet."""
    with shops.serving("empty") as shop:
        yield shop


@pytest.fixture
def sit_down(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Return a function that opens the admin's first page; the policy may block nothing there."""
    visitors: list[Visitor] = []

    def sit_down(
        shop: Shop, user: str = shops.OWNER, size: ViewportSize = DESK, language: str = "en-US"
    ) -> Page:
        visitors.append(enter(browser, shop.origin, user, size, language))
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
    """Serve a shop's month to the tests that change rows, each its own."""
    with shops.serving("filled") as shop:
        yield shop
