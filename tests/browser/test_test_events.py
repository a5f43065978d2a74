"""The button that posts test events: a real browser posts them to a real server."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser import ways
from tests.browser.addresses import APP
from tests.browser.person import follow, listed
from tests.browser.shop import OWNER, PASSWORD

CARDS = "#pickyassist-tests section"


def test_post_see_and_remove(new_shop, sit_down):
    page = sit_down(new_shop)
    ways.url(page)
    page.get_by_role("button", name="Send test events").click()
    expect(page.locator(CARDS)).to_have_count(6)
    expect(page.locator(f"{CARDS}:nth-of-type(6) a")).to_have_count(2)
    for card in page.locator(CARDS).all():
        expect(card).to_contain_text("✓ HTTP 200 OK: done")
        expect(card).to_contain_text('"accepted": 1')
    follow(page.locator(CARDS).first, "Message")
    expect(page.get_by_role("heading", name="View message")).to_be_visible()

    page.goto(f"{new_shop.origin}/admin/{APP}/webhookrequest/")
    assert [row[-1] for row in listed(page)] == ["test"] * 6
    follow(page, "Remove test events")
    expect(page.get_by_role("main")).to_contain_text("Webhook requests: 6")
    page.get_by_role("button", name="Yes, remove them").click()
    expect(page.get_by_role("main")).to_contain_text("6 test requests were removed")
    expect(page.locator("#result_list")).to_have_count(0)


def test_a_second_press_posts_new_events(workshop, sit_down):
    page = sit_down(workshop)
    ways.url(page)
    for _ in range(2):
        page.get_by_role("button", name="Send test events").click()
        expect(page.locator(f"{CARDS}:nth-of-type(6) a")).to_have_count(2)
        assert page.get_by_text('"repeats": 0').count() == 6


def test_no_answer_and_other_programs(workshop, browser):
    """In a window of its own, as the browser writes a refused connection to its console."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{workshop.origin}/admin/login/?next=/admin/")
    page.fill("[name=username]", OWNER)
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")
    page.wait_for_url("**/admin/")
    ways.url(page)
    page.locator("[data-test]").evaluate("element => element.dataset.test += '../../nothing/'")
    page.get_by_role("button", name="Send test events").click()
    expect(page.locator(CARDS)).to_have_count(6)
    expect(page.locator(CARDS).last).to_contain_text("✕ HTTP 404 Not Found No answer of this app.")
    context.set_offline(True)
    page.get_by_role("button", name="Send test events").click()
    expect(page.locator(CARDS)).to_have_count(6)
    expect(page.locator(CARDS).last).to_contain_text("✕ No answer of this app.")
    expect(page.get_by_role("button", name="Send test events")).to_be_enabled()
    context.close()


@pytest.mark.parametrize("is_allowed", [True, False])
def test_copy(is_allowed, workshop, sit_down):
    page = sit_down(workshop)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"] if is_allowed else [])
    ways.url(page)
    page.get_by_role("button", name="Copy").click()
    answer = "Copied." if is_allowed else "The browser refused to copy."
    expect(page.locator("#pickyassist-tests")).to_contain_text(answer)
    if is_allowed:
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied == page.locator(".pickyassist-urls code").inner_text()


def test_an_address_of_another_origin(workshop, sit_down):
    page = sit_down(workshop)
    ways.url(page)
    page.locator("[data-test]").evaluate("element => element.dataset.test = 'https://x.example/'")
    page.get_by_role("button", name="Send test events").click()
    expect(page.locator("#pickyassist-tests")).to_contain_text("opened at another address")
