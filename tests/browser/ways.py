"""Ways from the admin's first page to the pages that only this app has."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser import demo
from tests.browser.person import follow, leave_by, open_list, open_overview, open_row, search


def overview(page: Page) -> None:
    open_overview(page)


def quarantine(page: Page) -> None:
    open_overview(page)
    follow(page, "Quarantined")


def replay(page: Page) -> None:
    quarantine(page)
    leave_by(page.get_by_role("link", name="Process again").first)


def url(page: Page) -> None:
    open_overview(page)
    leave_by(page.get_by_role("button", name="Show the URL to paste"))


def group(page: Page) -> None:
    open_overview(page)
    follow(page, "Early birds")


def erase(page: Page) -> None:
    open_list(page, "Delivery reports")
    page.get_by_role("checkbox").nth(1).check()
    page.get_by_label("Action:").select_option("Erase everything stored about these numbers")
    leave_by(page.locator("button[name=index]"))
    expect(page.get_by_role("button", name="Yes, erase it")).to_be_visible()


def marked(page: Page) -> None:
    quarantine(page)
    follow(page, "not_an_integer, data[].status")
    open_row(page)


def dead(page: Page) -> None:
    open_overview(page)
    follow(page, "Permanently failed")
    open_row(page)


def message(page: Page) -> None:
    open_overview(page)
    follow(page, "Delivered, but also failed or refunded: 1")
    open_row(page)


def conversation(page: Page) -> None:
    open_list(page, "Chat messages")
    search(page, demo.CUSTOMER, f"{len(demo.TALK)} results")
    leave_by(page.get_by_role("link", name="conversation", exact=True).first)


def brazil(page: Page) -> None:
    open_overview(page)
    follow(page, f"{demo.BRAZIL // 2} Failed: Brazil")
    follow(page.locator("#changelist-filter"), "Yesterday")


def numbers(page: Page) -> None:
    open_list(page, "Filter reports")
    verdicts = "Each number of a project once, with its current verdict"
    follow(page.locator("#changelist-filter"), verdicts)
    follow(page.locator("#changelist-filter"), "not a WhatsApp number")


def slow(page: Page) -> None:
    open_overview(page)
    times = page.get_by_role("table", name="Processing times")
    leave_by(times.get_by_role("row").nth(1).get_by_role("link"))


def aside(page: Page) -> None:
    quarantine(page)
    leave_by(page.get_by_role("link", name="Discard").first)


def sheet(page: Page) -> None:
    open_list(page, "Messages")
