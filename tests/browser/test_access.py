"""The admin's pages for everyone: with a screen reader, by keyboard, in the dark, on a phone."""

from __future__ import annotations

from itertools import product

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.addresses import MODELS
from tests.browser.conftest import DESK, PHONE
from tests.browser.person import follow, leave_by, open_list, open_overview, open_row, tab_to
from tests.browser.shop import CLERK
from tests.browser.ways import (
    dead,
    erase,
    group,
    marked,
    message,
    overview,
    quarantine,
    replay,
    url,
)

#: The links from a row's page to its other pages.
LINKS = ("a.deletelink", "a.historylink")

NAMES = [str(model._meta.verbose_name_plural).capitalize() for model in MODELS]

# ``preload`` would fetch style sheets by script, which the policy forbids.
OPTIONS = {"resultTypes": ["violations"], "preload": False}

#: Faults of Django's own templates, on the pages of every app.
DJANGOS = {
    # Links among words, told from them by their colour alone.
    "link-in-text-block": ".breadcrumbs a, #changelist-search a, #deleted-objects a",
    # Its label is a picture, which has a text; the text below it is the search's help.
    "label-title-only": "#searchbar",
}

#: Wait for the colours of links, which change slowly.
SETTLED = "Promise.allSettled(document.getAnimations().map(each => each.finished)).then(() => 0)"

#: The pages of this app alone, and rows with everything that a page can show.
FOR_ALL = (overview, quarantine, group, marked, dead, message)
PAGES = (*FOR_ALL, replay, url, erase)
each_page = pytest.mark.parametrize("go", PAGES, ids=lambda go: go.__name__)


def faults_of(page):
    """Return the serious faults of a page, in both colour schemes and sizes."""
    page.locator("details").evaluate_all("all => all.forEach(each => { each.open = true })")
    findings = []
    for scheme, size in product(("light", "dark"), (DESK, PHONE)):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(size)
        page.evaluate(SETTLED)
        for violation in Axe().run(page, options=OPTIONS).response["violations"]:
            if violation["impact"] in ("serious", "critical"):
                nodes = [
                    node for node in violation["nodes"] if not is_djangos(page, violation, node)
                ]
                kind = (page.url, scheme, size["width"], violation["id"])
                findings += [(*kind, node["html"]) for node in nodes]
    if page.evaluate("document.documentElement.scrollWidth") > PHONE["width"]:
        findings.append((page.url, "scrolls sideways"))
    return findings


def is_djangos(page, violation, node):
    selector = DJANGOS.get(violation["id"])
    [target] = node["target"]
    return selector and page.locator(target).evaluate("(e, s) => e.matches(s)", selector)


def test_faults_are_found(page):
    """A check that finds nothing here would prove nothing on the admin's pages."""
    page.set_content("<input><table width=900><td>wide")
    findings = faults_of(page)
    assert {rule for *_, rule, _ in findings[:-1]} == {"document-title", "html-has-lang", "label"}
    assert findings[-1][1] == "scrolls sideways"


@each_page
def test_pages_of_this_app(go, page):
    go(page)
    assert faults_of(page) == []


@pytest.mark.parametrize("name", NAMES)
def test_lists_and_rows(name, page):
    open_list(page, name)
    findings = faults_of(page)
    open_row(page)
    findings += faults_of(page)
    row = page.url
    for link in LINKS:
        page.goto(row)
        leave_by(page.locator(link))
        findings += faults_of(page)
    assert findings == []


def test_first_steps(new_shop, sit_down):
    page = sit_down(new_shop)
    open_overview(page)
    findings = faults_of(page)
    follow(page, "Webhook requests")
    follow(page, "Quarantine")
    expect(page.get_by_text("No problems.")).to_be_visible()
    assert findings + faults_of(page) == []


@pytest.mark.parametrize("go", FOR_ALL, ids=lambda go: go.__name__)
def test_without_personal_data(go, shop, sit_down):
    page = sit_down(shop, CLERK)
    go(page)
    assert faults_of(page) == []


def test_the_overview_by_keyboard(page):
    """Each link and each summary in the order in which they are read, all of them seen."""
    open_overview(page)
    within = page.get_by_role("region", name="Overview", exact=True)
    stops = within.locator("a, summary, input[type=submit]").all()
    assert len(stops) >= 3 + 3 + 4 * 2 + 1
    tab_to(page, stops[0])
    for stop in stops[1:]:
        tab_to(page, stop, most=1)
    days = within.get_by_role("link", name="7 days")
    tab_to(page, days, "Shift+Tab")
    page.keyboard.press("Enter")
    expect(days).to_have_attribute("aria-current", "page")
