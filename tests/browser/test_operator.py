"""Five questions of an operator, each answered in the clicks that the docs name."""

from __future__ import annotations

import csv
import json
import re

import openpyxl
import pytest
from playwright.sync_api import expect

from tests.browser import demo
from tests.browser.conftest import PHONE
from tests.browser.person import download, field, follow, listed, open_list, open_overview, table
from tests.browser.posts import Post
from tests.browser.site import send_all

UNKNOWN = json.dumps({"project_id": "4100", "event_id": 1, "data": [{"status": "soon"}]}).encode()
ASIDE = 61


@pytest.fixture(params=["desk", "phone"])
def anyone(request, shop, sit_down, page):
    """Return the first page of the admin, at a desk and on a phone."""
    return page if request.param == "desk" else sit_down(shop, size=PHONE)


def filters(page):
    """Return the filters of a list, which a phone shows closed or below."""
    return page.locator("#changelist-filter")


def test_why_did_sending_to_brazil_fail_yesterday(anyone):
    """Two clicks: the failed messages of the country, then the day."""
    page = anyone
    open_overview(page)
    follow(page, f"{demo.BRAZIL // 2} Failed: Brazil")
    follow(filters(page), "Yesterday")
    rows = page.locator("#result_list tbody tr")
    expect(rows).to_have_count(demo.BRAZIL // 2)
    code, text, _ = demo.ERRORS[0]
    for row in rows.all():
        expect(row).to_contain_text(f"{code}: the number is not on WhatsApp")
        expect(row).to_contain_text(text)


def test_which_numbers_are_not_on_whatsapp(page):
    """Two clicks in the list, and one for the spreadsheet: each number once, with its verdict."""
    open_list(page, "Filter reports")
    follow(filters(page), "Each number of a project once, with its current verdict")
    follow(filters(page), "not a WhatsApp number")
    count = len(listed(page))
    assert {row[1].removeprefix("✕ ") for row in listed(page)} == {"not a WhatsApp number"}
    with download(page, "Export as spreadsheet (CSV)").open(
        newline="", encoding="utf-8-sig"
    ) as file:
        exported = list(csv.DictReader(file))
    assert len(exported) == len({row["Number"] for row in exported}) == count > 0


def test_what_is_slow(anyone):
    """One click: the longest of all requests, with the time of each receiver."""
    page = anyone
    open_overview(page)
    slow = page.get_by_role("table", name="Processing times")
    first = table(slow)[0]
    assert first[0] == "Requests, from received to done"
    slow.get_by_role("row").nth(1).get_by_role("link").click()
    expect(page.get_by_role("heading", name="View webhook request")).to_be_visible()
    expect(field(page, "Received to finished")).not_to_be_empty()


def test_put_61_quarantined_requests_aside(workshop, sit_down):
    """All at once: the count comes first, and one reason is for all."""
    page = sit_down(workshop)
    headers = {"Content-Type": "application/json"}
    send_all(workshop.origin, [Post(UNKNOWN, accepted=0, headers=headers)] * ASIDE)
    open_overview(page)
    follow(page, "Quarantined")
    row = page.get_by_role("row").filter(has_text="not_an_integer")
    row.get_by_role("link", name="Discard").click()
    button = page.get_by_role("button", name=re.compile(r"Discard \d+ requests"))
    # One was stored in part, and is not discarded. Other tests may have posted one more.
    count = int(re.search(r"\d+", button.input_value())[0])
    assert count in (ASIDE, ASIDE + 1)
    page.get_by_label("Reason").fill("A test of the vendor")
    button.click()
    expect(page.locator(".messagelist")).to_contain_text(str(count))


def test_a_spreadsheet_for_marketing(page):
    """One click in any list: titles, labels, long numbers that stay texts."""
    open_list(page, "Messages")
    with download(page, "Export as spreadsheet (XLSX)").open("rb") as file:
        book = openpyxl.load_workbook(file)
    titles, *rows = book.active.iter_rows(values_only=True)
    assert {"Number", "Status", "Country"} <= set(titles)
    brazil = [row for row in rows if row[titles.index("Country")] == "Brazil"]
    assert len(brazil) == demo.BRAZIL
    assert all(isinstance(row[titles.index("Number")], str) for row in brazil)
    assert {row[titles.index("Status")] for row in brazil} == {"delivered", "failed"}
