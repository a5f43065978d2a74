"""Actions after a failure in the admin, and their traces in the history."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.person import (
    download,
    field,
    follow,
    listed,
    open_list,
    open_overview,
    open_row,
    table,
)
from tests.browser.posts import Post
from tests.browser.shop import OWNER
from tests.browser.site import send_all

BODY = (
    b'{ "project_id" : "4100",\r\n\t"event_id": 1 ,"data": [ {"push_id": "p", "msg_id": "bytes",'
    b' "number": "15550001111", "status": "soon", "message": "\\u0906\xe0\xa4\x86"} ] }\n'
)


@pytest.fixture
def page(workshop, sit_down):
    return sit_down(workshop)


def open_dead(page):
    """Go to a request of which a receiver has failed; each test has done something with one."""
    open_overview(page)
    follow(page, "Permanently failed")
    open_row(page)
    expect(field(page, "State")).to_have_text("permanently failed")


def press(page, button, sentence):
    """Press a button, and expect a message."""
    page.get_by_role("button", name=button, exact=True).click()
    expect(page.locator(".messagelist")).to_contain_text(sentence)


def see_in_history(page, sentence):
    follow(page, "History")
    entries = table(page.get_by_role("main").get_by_role("table"))
    assert entries[-1][1:] == [OWNER, sentence]


def test_what_was_really_sent(page, workshop):
    """The exact bytes: indented with the problems marked, as received, and as a file."""
    headers = {"Content-Type": "application/json"}
    send_all(workshop.origin, [Post(BODY, accepted=0, headers=headers)])
    open_list(page, "Webhook requests")
    open_row(page)
    body = field(page, "Body")
    expect(body.locator("mark")).to_have_text('"soon"')
    expect(body.locator("pre").last).not_to_be_visible()
    body.get_by_text("As received", exact=True).click()
    expect(body.locator("pre").last).to_be_visible()
    shown = body.locator("pre").last.text_content()
    assert shown == BODY.decode().replace("\r\n", "\n")
    assert download(page, "Download the body").read_bytes() == BODY


def test_a_request_is_processed_again(page):
    open_dead(page)
    press(page, "Process again", "Request processed again: done.")
    expect(field(page, "State")).to_have_text("done")
    expect(field(page, "Replays")).to_have_text("1")
    expect(field(page, "History")).to_contain_text(f"{OWNER}, processed again")
    see_in_history(page, "Request processed again: done.")


def test_a_receiver_that_is_mended_is_called_again(page):
    open_dead(page)
    expect(page.get_by_role("link", name="Receiver failures: 1")).to_be_visible()
    press(page, "Call failed receivers again", "Failed receivers called again: done.")
    expect(field(page, "Receiver failures")).to_have_count(0)
    see_in_history(page, "Failed receivers called again: done.")


def test_a_request_is_discarded_with_a_reason(page):
    open_dead(page)
    page.get_by_role("button", name="Discard").click()  # without a reason, which the browser asks
    expect(page.get_by_role("textbox", name="Reason")).to_be_focused()
    page.keyboard.type("They left the shop long ago")
    press(page, "Discard", "Request discarded.")
    expect(field(page, "State")).to_have_text("discarded")
    see_in_history(page, "Request discarded. They left the shop long ago")


def test_all_requests_of_a_problem(page):
    """Processed again after a page that says how many they are."""
    open_overview(page)
    follow(page, "Quarantined")
    row = page.get_by_role("row").filter(has_text="unknown_event")
    row.get_by_role("link", name="Process again").click()
    expect(page.get_by_role("main")).to_contain_text("2 requests have this problem:")
    sentence = "2 requests were processed again (quarantined: 2)."
    press(page, "Process 2 requests again", sentence)
    # They are understood no better so far, and none is lost.
    groups = table(page.get_by_role("table", name="Problems"))
    assert ["unknown_event, event_id", "2", "2"] in [row[:3] for row in groups]
    follow(page, "unknown_event, event_id")
    open_row(page)
    see_in_history(page, "Request processed again: quarantined.")


def test_chosen_requests(page):
    open_list(page, "Webhook requests")
    follow(page.locator("#changelist-filter"), "quarantined")
    rows = listed(page)
    page.get_by_role("checkbox").nth(1).check()  # after the one for all rows
    page.get_by_label("Action:").select_option("Process selected requests again")
    page.get_by_role("button", name=page.locator("button[name=index]").inner_text()).click()
    press(page, "Process 1 request again", "1 request was processed again")
    assert [row[:5] for row in listed(page)] == [row[:5] for row in rows]  # not its duration
