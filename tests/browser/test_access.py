"""The admin's pages for everybody: with a screen reader, by keyboard, in the dark, on a phone."""

from __future__ import annotations

from itertools import product

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.addresses import MODELS
from tests.browser.conftest import DESK, PHONE
from tests.browser.person import follow, open_list, open_overview, open_row, tab_to
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

#: What leads to each page of a row, from the row's own: a link, which may be called a button.
LINKS = ("a.deletelink", "a.historylink")

NAMES = [str(model._meta.verbose_name_plural).capitalize() for model in MODELS]

# ``preload`` would fetch style sheets by script, which the policy forbids.
OPTIONS = {"resultTypes": ["violations"], "preload": False}

#: What is Django's, in its own templates, on every page of every app's.
DJANGOS = {
    # Links among words, told from them by their colour alone.
    "link-in-text-block": ".breadcrumbs a, #changelist-search a, #deleted-objects a",
    # Its label is a picture, which has a text; the text below it is the search's help.
    "label-title-only": "#searchbar",
}

#: Links change their colours slowly, and are not to be looked at half way.
SETTLED = "Promise.allSettled(document.getAnimations().map(each => each.finished)).then(() => 0)"

#: The pages that only this app has, and rows with all there may be on their pages.
FOR_ALL = (overview, quarantine, group, marked, dead, message)
PAGES = (*FOR_ALL, replay, url, erase)
each_page = pytest.mark.parametrize("go", PAGES, ids=lambda go: go.__name__)


def wrong(page):
    """Return what is seriously wrong with a page, whoever looks at it and on whatever."""
    page.locator("details").evaluate_all("all => all.forEach(each => { each.open = true })")
    found = []
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
                found += [(*kind, node["html"]) for node in nodes]
    if page.evaluate("document.documentElement.scrollWidth") > PHONE["width"]:
        found.append((page.url, "scrolls sideways"))
    return found


def is_djangos(page, violation, node):
    selector = DJANGOS.get(violation["id"])
    [target] = node["target"]
    return selector and page.locator(target).evaluate("(e, s) => e.matches(s)", selector)


def test_what_is_wrong(page):
    """What is found nowhere would prove nothing on the pages of the admin."""
    page.set_content("<input><table width=900><td>wide")
    found = wrong(page)
    assert {rule for *_, rule, _ in found[:-1]} == {"document-title", "html-has-lang", "label"}
    assert found[-1][1] == "scrolls sideways"


@each_page
def test_pages_of_this_app(go, page):
    go(page)
    assert wrong(page) == []


@pytest.mark.parametrize("name", NAMES)
def test_lists_and_rows(name, page):
    open_list(page, name)
    found = wrong(page)
    open_row(page)
    found += wrong(page)
    row = page.url
    for link in LINKS:
        page.goto(row)
        page.locator(link).click()
        found += wrong(page)
    assert found == []


def test_first_steps(new_shop, sit_down):
    page = sit_down(new_shop)
    open_overview(page)
    found = wrong(page)
    follow(page, "Webhook requests")
    follow(page, "Quarantine")
    expect(page.get_by_text("All that came was understood.")).to_be_visible()
    assert found + wrong(page) == []


@pytest.mark.parametrize("go", FOR_ALL, ids=lambda go: go.__name__)
def test_without_personal_data(go, shop, sit_down):
    page = sit_down(shop, CLERK)
    go(page)
    assert wrong(page) == []


def test_the_overview_by_keyboard(page):
    """Each link and each summary in the order in which they are read, all of them seen."""
    open_overview(page)
    within = page.get_by_role("region", name="Overview", exact=True)
    stops = within.locator("a, summary, input[type=submit]").all()
    assert len(stops) >= 3 + 3 + 4 * 2 + 1
    tab_to(page, stops[0])
    for stop in stops[1:]:
        tab_to(page, stop, most=1)
    tab_to(page, stops[0], "Shift+Tab")
    page.keyboard.press("Enter")
    expect(within.get_by_role("link", name="7 days")).to_have_attribute("aria-current", "page")
