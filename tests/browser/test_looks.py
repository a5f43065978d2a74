"""Charts in every direction, in the light and in the dark, in Django's admin and in others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser import shop as shops
from tests.browser.addresses import APP
from tests.browser.conftest import DESK, PATIENCE, PHONE
from tests.browser.person import leave_by
from tests.browser.shop import Shop

LOOK = (Path(__file__).parent / "looks.js").read_text("utf-8")

#: Languages, and the side on which their lines start.
LANGUAGES = {"en": "left", "ar": "right", "he": "right", "fa": "right"}
THEMES = ("unfold", "jazzmin", "grappelli")
SCHEMES = ("light", "dark")

#: The least contrast between the parts of a chart and their background.
LEAST_CONTRAST = 3

#: A style sheet of the admin's with the colours in it.
COLOURS = "link[href*='css/base'], link[href*='css/dark_mode']"


#: Returns the words in the heads of tables that are broken into lines.
BROKEN_WORDS = """() => [...document.querySelectorAll(".pickyassist-overview thead th")].flatMap(
    (head) => {
        const [node] = head.childNodes;
        return [...head.textContent.matchAll(/\\S+/g)].filter((word) => {
            const range = document.createRange();
            range.setStart(node, word.index);
            range.setEnd(node, word.index + word[0].length);
            return new Set([...range.getClientRects()].map((box) => box.top)).size > 1;
        }).map(([word]) => word);
    },
)"""


def look(page: Page) -> dict[str, Any]:
    expect(page.locator("svg.pickyassist-chart").first).to_be_visible()
    seen: dict[str, Any] = page.evaluate(LOOK)
    assert seen["parts"] > 20  # or nothing was looked at
    return seen


def go_to_group(page: Page, origin: str) -> None:
    page.goto(f"{origin}/admin/{APP}/")
    leave_by(page.locator("[aria-labelledby=pickyassist-groups] a"))


def charts(page: Page, origin: str) -> Iterator[dict[str, Any]]:
    """Look at the charts on the overview, and at those of a group."""
    page.goto(f"{origin}/admin/{APP}/")
    yield look(page)
    go_to_group(page, origin)
    yield look(page)


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_each_label_lies_inside_of_its_chart(language, size, shop, sit_down):
    page = sit_down(shop, size=size, language=language)
    direction = "ltr" if LANGUAGES[language] == "left" else "rtl"
    for seen in charts(page, shop.origin):
        expect(page.locator("html")).to_have_attribute("dir", direction)
        assert seen["outside"] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_time_runs_as_the_lines_of_the_language_do(language, shop, sit_down):
    page = sit_down(shop, language=language)
    go_to_group(page, shop.origin)
    expect(page.locator("#pickyassist-members")).to_be_visible()
    chart = page.locator("svg.pickyassist-chart").first
    first, last = (chart.locator("rect").nth(index).bounding_box()["x"] for index in (0, -1))
    assert (first < last) == (LANGUAGES[language] == "left")
    oldest = chart.locator("text").nth(1).bounding_box()["x"]
    newest = chart.locator("text").nth(2).bounding_box()["x"]
    assert (oldest < newest) == (first < last)


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("language", ["en", "ar", "de", "es", "hi", "pt-br"])
def test_the_heads_of_tables_break_between_words_only(language, size, shop, sit_down):
    page = sit_down(shop, size=size, language=language)
    page.goto(f"{shop.origin}/admin/{APP}/")
    assert page.locator(".pickyassist-overview thead th").count() > 20
    assert page.evaluate(BROKEN_WORDS) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]


@pytest.mark.parametrize("language", ["en", "ar"])
def test_code_runs_from_left_to_right(language, shop, sit_down):
    page = sit_down(shop, language=language)
    page.goto(f"{shop.origin}/admin/{APP}/webhookrequest/?state__exact=dead")
    leave_by(page.locator("#result_list tbody th a").first)
    body = page.locator("pre.pickyassist-text").first
    assert body.evaluate("e => getComputedStyle(e).direction") == "ltr"


#: Whether the first character of a text in this place is to the left of the last one.
RUNS_TO_THE_RIGHT = """(place, text) => {
    place.textContent = text;
    const left = (index) => {
        const range = document.createRange();
        range.setStart(place.firstChild, index);
        range.setEnd(place.firstChild, index + 1);
        return range.getBoundingClientRect().left;
    };
    return left(0) < left(text.length - 1);
}"""


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize("text", ["+91 98765 43210", "•••023", "2026-11-29 20:49:00 UTC", "__x__"])
def test_numbers_and_times_run_from_left_to_right(language, text, shop, sit_down):
    page = sit_down(shop, language=language)
    page.goto(f"{shop.origin}/admin/{APP}/message/")
    cell = page.locator("#result_list td.field-number").first
    assert cell.evaluate(RUNS_TO_THE_RIGHT, text)
    leave_by(page.locator("#result_list tbody th a").first)
    assert page.locator(".field-number .readonly").evaluate(RUNS_TO_THE_RIGHT, text)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("without", ["nothing", COLOURS, "link[href*='/admin/']"])
def test_charts_stand_out_from_their_ground(without, scheme, shop, sit_down):
    """With Django's colours, without them, and without any style of Django's."""
    page = sit_down(shop)
    page.emulate_media(color_scheme=scheme)
    page.goto(f"{shop.origin}/admin/{APP}/")
    page.locator(without).evaluate_all("all => all.forEach(each => each.remove())")
    seen = look(page)
    assert seen["outside"] == []
    assert seen["least"] >= LEAST_CONTRAST


@pytest.fixture(scope="module", params=THEMES)
def themed(request: pytest.FixtureRequest) -> Iterator[Shop]:
    """Serve the shop's month in an admin that looks different."""
    with shops.serving("filled", f"tests.browser.themes.{request.param}") as shop:
        yield shop


@pytest.fixture
def visit(browser: Browser, themed: Shop) -> Iterator[Callable[..., Page]]:
    """Return a function that logs the owner in, in a window of their own with a colour scheme."""
    contexts: list[BrowserContext] = []

    def visit(scheme: str = "light") -> Page:
        contexts.append(browser.new_context(viewport=DESK, color_scheme=scheme))
        contexts[-1].set_default_timeout(PATIENCE)
        page = contexts[-1].new_page()
        page.goto(f"{themed.origin}/admin/login/?next=/admin/")
        page.fill("[name=username]", shops.OWNER)
        page.fill("[name=password]", shops.PASSWORD)
        page.press("[name=password]", "Enter")
        page.wait_for_url("**/admin/")
        return page

    yield visit
    for context in contexts:
        context.close()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_charts_in_a_theme(scheme, themed, visit):
    page = visit(scheme)
    for seen in charts(page, themed.origin):
        assert seen["outside"] == []
        assert seen["least"] >= LEAST_CONTRAST


def test_a_title_and_links_in_a_theme(themed, visit):
    page = visit()
    page.goto(f"{themed.origin}/admin/{APP}/webhookrequest/problems/")
    title = page.get_by_role("heading", name="Quarantine", exact=True)
    expect(title).to_have_count(1)  # a hidden one has no role
    page.goto(f"{themed.origin}/admin/{APP}/webhookrequest/")
    links = page.locator(".pickyassist-tool")
    expect(links).to_have_count(5)
    boxes = [link.bounding_box() for link in links.all()]
    for first, second in pairwise(boxes):
        is_beside = first["x"] + first["width"] <= second["x"] + 1
        assert is_beside or first["y"] + first["height"] <= second["y"] + 1
    styles = links.evaluate_all("all => all.map(each => getComputedStyle(each).listStyleType)")
    assert set(styles) == {"none"}


def test_pages_in_a_theme(themed, visit):
    page = visit()
    page.goto(f"{themed.origin}/admin/{APP}/webhookrequest/problems/")
    expect(page.get_by_role("link", name="Process again").first).to_be_visible()
    page.get_by_role("link", name="Process again").first.click()
    expect(page.get_by_role("button", name="Process 1 request again")).to_be_visible()
    page.get_by_role("button", name="No, take me back").click()
    page.goto(f"{themed.origin}/admin/{APP}/")
    page.get_by_role("button", name="Show the URL to paste").click()
    expect(page.locator("code").first).to_contain_text(themed.origin)
