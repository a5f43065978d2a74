"""Lists at the width of a phone: each row is a card, and nothing is seen only after a swipe.

Nor does a list at a desk scroll sideways, between the columns of links and filters.
"""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser import ways
from tests.browser.addresses import APP, MODELS
from tests.browser.conftest import DESK, PHONE

#: Elements that scroll sideways, except for a select box.
SCROLLING = """[...document.querySelectorAll("body, body *")].filter(element =>
    element.tagName !== "SELECT" && element.scrollWidth > element.clientWidth + 1 &&
    ["auto", "scroll"].includes(getComputedStyle(element).overflowX)
).map(element => element.outerHTML.slice(0, 100))"""


@pytest.fixture
def phone(shop, sit_down):
    return sit_down(shop, size=PHONE)


def assert_nothing_scrolls(page):
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert page.evaluate(SCROLLING) == []


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_a_list_does_not_scroll_sideways(model, shop, phone):
    phone.goto(f"{shop.origin}/admin/{APP}/{model._meta.model_name}/")
    expect(phone.locator("#result_list tbody tr").first).to_be_visible()
    assert_nothing_scrolls(phone)
    labelled = phone.locator("#result_list tbody td[data-label]").first
    content = labelled.evaluate("cell => getComputedStyle(cell, '::before').content")
    assert labelled.get_attribute("data-label") in content


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_a_list_at_a_desk_does_not_scroll_sideways(model, language, shop, sit_down):
    desk = sit_down(shop, size=DESK, language=language)
    desk.goto(f"{shop.origin}/admin/{APP}/{model._meta.model_name}/")
    expect(desk.locator("#result_list tbody tr").first).to_be_visible()
    assert_nothing_scrolls(desk)


@pytest.mark.parametrize("way", [ways.overview, ways.quarantine, ways.group, ways.conversation])
def test_a_page_does_not_scroll_sideways(way, phone):
    way(phone)
    expect(phone.locator("h1")).to_be_visible()
    assert_nothing_scrolls(phone)


@pytest.mark.parametrize("way", [ways.group, ways.conversation])
def test_a_long_name_without_blanks_breaks(way, phone):
    way(phone)
    heading = phone.locator("#content h1")
    heading.evaluate("element => { element.textContent = 'Salesteam'.repeat(17); }")
    expect(heading).to_contain_text("SalesteamSalesteam")
    assert_nothing_scrolls(phone)


def test_all_rows_can_be_selected(shop, phone):
    phone.goto(f"{shop.origin}/admin/{APP}/message/")
    phone.locator("#action-toggle").check()
    expect(phone.locator(".action-counter")).to_contain_text("50 of 50 selected")


def test_a_path_is_broken_between_words_only(shop, phone):
    phone.goto(f"{shop.origin}/admin/{APP}/receiverfailure/")
    path = phone.locator("#result_list .pickyassist-path").first
    assert path.evaluate("element => getComputedStyle(element).overflowWrap") == "break-word"
    words = re.split(r"[._]", path.inner_text())
    assert path.locator("wbr").count() == len(words) - 1


def buttons(phone, shop, action, name):
    """Choose an action for the quarantined requests, and return its button and the way out."""
    phone.goto(f"{shop.origin}/admin/{APP}/webhookrequest/?state__exact=quarantined")
    phone.locator("#action-toggle").check()
    phone.get_by_label("Action:").select_option(action)
    phone.locator("button[name=index]").click()
    cancel = phone.get_by_role("button", name="No, take me back")
    return phone.get_by_role("button", name=name), cancel


def colours_of(*buttons):
    return [
        button.evaluate("element => getComputedStyle(element).backgroundColor")
        for button in buttons
    ]


def test_cancel_differs_from_a_button_that_is_not_red(shop, phone):
    action = "Process selected requests again"
    again, other = colours_of(*buttons(phone, shop, action, "Process 3 requests again"))
    assert again != other


@pytest.mark.parametrize("language", ["en-US", "ar", "de", "es", "hi", "pt-BR"])
def test_cancel_is_as_large_as_the_red_button(language, shop, sit_down):
    visitor = sit_down(shop, size=PHONE, language=language)
    visitor.goto(f"{shop.origin}/admin/{APP}/webhookrequest/?state__exact=quarantined")
    visitor.locator("#action-toggle").check()
    visitor.locator("select[name=action]").select_option("discard_selected")
    visitor.locator("button[name=index]").click()
    discard = visitor.locator("#content form input[type=submit]")
    cancel = visitor.locator("#content form a.cancel-link")
    for size in (PHONE, DESK):
        visitor.set_viewport_size(size)
        large, other = discard.bounding_box(), cancel.bounding_box()
        assert other["height"] >= large["height"]
        assert other["width"] == pytest.approx(large["width"], abs=1)
        assert (other["y"] == large["y"]) == (size == DESK)
        assert_nothing_scrolls(visitor)
    for scheme in ("light", "dark"):
        visitor.emulate_media(color_scheme=scheme)
        red, other = colours_of(discard, cancel)
        assert red == "rgb(186, 33, 33)" != other
