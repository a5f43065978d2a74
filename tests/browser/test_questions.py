"""Questions to the admin, each answered by clicks from its first page."""

from __future__ import annotations

import csv
import json
import re
from datetime import timedelta

import pytest
from django.utils.formats import date_format
from playwright.sync_api import expect

from tests.browser import demo, ways
from tests.browser.conftest import DESK, PHONE
from tests.browser.person import (
    download,
    field,
    follow,
    listed,
    open_list,
    open_overview,
    open_row,
    search,
    tab_to,
    table,
)
from tests.browser.shop import CLERK
from tests.browser.truth import DELIVERY, MEMBER, SUBSCRIBER, Truth

PERIODS = ("7 days", "30 days")


@pytest.fixture
def truth(shop):
    return Truth(shop.now)


class TestIsItWorking:
    def test_when_the_last_came_and_how_many(self, page, truth):
        open_overview(page)
        card = page.get_by_role("region", name="Delivery reports")
        last = date_format(truth.last_at(DELIVERY), "Y-m-d H:i:s T")
        expect(card).to_contain_text(f"({last})")
        counts = {name: truth.latest(DELIVERY, int(name.split()[0])) for name in PERIODS}
        expected = {"today": truth.latest(DELIVERY, 1), **counts}
        sentence = zip(*(card.locator(tag).all_inner_texts() for tag in ("dt", "dd")), strict=True)
        assert dict(sentence) == {name: f"{count:,}" for name, count in expected.items()}

    def test_the_figures_of_a_day_by_keyboard(self, page, truth):
        open_overview(page)
        follow(page, "7 days")
        card = page.get_by_role("region", name="Delivery reports")
        figures = table_of(card, page)
        assert len(figures) == 7
        days = [truth.today - timedelta(days=ago) for ago in range(7)]
        per_day = truth.per_day(DELIVERY)
        assert figures == [[f"{day:%Y-%m-%d}", str(per_day[day])] for day in days]
        # The picture has a description.
        expect(card.get_by_role("img")).to_have_accessible_name(
            f"Delivery reports A bar for each day from {days[-1]:%Y-%m-%d} to "
            f"{days[0]:%Y-%m-%d}; "
            f"{truth.latest(DELIVERY, 7)} in all, at most {max(per_day[day] for day in days)} "
            "on one day."
        )


def table_of(card, page):
    """Open the figures of a chart with the keyboard alone, and return them."""
    tab_to(page, card.get_by_text("Show as a table", exact=True))
    page.keyboard.press("Enter")
    return table(card.get_by_role("table"))


class TestWhatBecameOfMyMessages:
    @pytest.mark.parametrize("days", [7, 30])
    def test_each_fact_and_its_rate(self, days, page, truth):
        open_overview(page)
        follow(page, f"{days} days")
        title = "Message results"
        card = page.locator(".pickyassist-card").filter(has=page.get_by_role("img", name=title))
        card.get_by_text("Show as a table", exact=True).click()
        messages = truth.messages(days)
        assert table(page.get_by_role("table", name=title)) == [
            [name, str(count), f"{count / messages['Submitted'] * 100:.1f}%"]
            for name, count in messages.items()
        ]

    def test_which_errors_are_frequent(self, page, truth):
        open_overview(page)
        shown = page.get_by_role("table", name="The most frequent errors")
        errors = table(shown)
        sentence = {(code, text.splitlines()[-1]): int(count) for code, text, count in errors}
        numbers = re.compile("[0-9]+")
        assert sentence == {
            (code, numbers.sub("#", text)): count
            for (code, text), count in truth.errors(30).items()
        }
        counts = [int(count) for *_, count in errors]
        assert counts == sorted(counts, reverse=True)
        code, text, _ = errors[0]
        assert text.startswith("the number is not on WhatsApp")
        follow(shown, code)
        expect(page.get_by_text(f"{counts[0]} messages")).to_be_visible()
        assert {row[2].partition(":")[0] for row in listed(page)} == {code}

    def test_why_it_failed(self, page):
        """In the list, on the page of the message, and in its timeline."""
        open_list(page, "Messages")
        search(page, demo.ORDER, "2 results")
        code, text, _ = demo.ERRORS[0]
        failed = page.get_by_role("row").filter(has_text=text)
        expect(failed).to_contain_text(f"{code}: the number is not on WhatsApp")
        open_row(page, failed)
        expect(field(page, "Error code")).to_contain_text(f"{code}: the number is not on WhatsApp")
        expect(field(page, "Error message")).to_have_text(text)
        report = field(page, "Reports").get_by_role("listitem").last
        expect(report).to_contain_text(f"{code}: the number is not on WhatsApp")
        expect(report).to_contain_text(text)

    def test_one_that_failed(self, page):
        """From its reference number to the request that said so."""
        open_list(page, "Messages")
        search(page, demo.ORDER, "2 results")
        failed = page.get_by_role("cell", name="✕ failed", exact=True)
        open_row(page, page.get_by_role("row").filter(has=failed))
        expect(field(page, "Message ID")).to_have_text(demo.LOST)
        first, second = field(page, "Reports").get_by_role("listitem").all()
        expect(first).to_contain_text(": submitted, the first report (report, request)")
        expect(second).to_contain_text(": failed, before: submitted (report, request)")
        follow(second, "request")
        expect(page.get_by_role("heading", name="View webhook request")).to_be_visible()
        expect(field(page, "Body")).to_contain_text('"error_code": "131026"')

    def test_one_that_was_received_and_yet_refunded(self, page):
        """From the overview, and to its siblings by reference and by push."""
        open_overview(page)
        follow(page, "Delivered, but also failed or refunded: 1")
        open_row(page)
        expect(field(page, "Message ID")).to_have_text(demo.CONFLICT)
        expect(field(page, "Conflict")).to_contain_text("also reported it as refunded")
        reports = field(page, "Reports").get_by_role("listitem").all_inner_texts()
        assert [report.partition(": ")[2].partition(" (")[0] for report in reports] == [
            "submitted, the first report",
            "failed, before: submitted",
            "delivered, before: failed",
            "refunded, changed nothing",
        ]
        follow(page, demo.ORDER)
        conflict = "delivered\n! delivered, but also failed or refunded"
        assert [row[1] for row in listed(page)] == [conflict, "✕ failed"]
        open_row(page, page.get_by_role("row").last)
        expect(field(page, "Message ID")).to_have_text(demo.LOST)
        follow(page, "campaign-00")
        assert [row[5] for row in listed(page)] == [demo.ORDER] * 2


class TestWhatFailedAndWhy:
    def test_a_receiver(self, page):
        open_overview(page)
        follow(page, "Permanently failed")
        assert {row[1] for row in listed(page)} == {"permanently failed"}
        open_row(page)
        follow(page, "Receiver failures: 1")
        open_row(page)
        expect(field(page, "Receiver")).to_have_text("shop.receivers.add_to_crm")
        expect(field(page, "Error")).to_contain_text(
            "ConnectionError: crm.example did not answer within 10 seconds"
        )

    def test_a_delivery(self, page):
        open_list(page, "Delivery reports")
        follow(page.locator("#changelist-filter"), "failed")
        assert {row[1] for row in listed(page)} == {"✕ failed"}
        open_row(page)
        texts = [text for _, text, _ in demo.ERRORS]
        assert field(page, "Error message").inner_text().strip() in texts


class TestWhatTheVendorChanged:
    def test_what_is_not_understood(self, page):
        open_overview(page)
        follow(page, "Quarantined")
        groups = table(page.get_by_role("table", name="Problems"))
        # The problem, the counts in quarantine and in all, the expectation, the kind.
        assert [row[:5] for row in groups] == [
            [
                "not_an_integer, data[].status",
                "0",
                "1",
                "a whole number of 64 bits",
                "Delivery report",
            ],
            ["unknown_event, event_id", "2", "2", "1, 2, 3, 4 or 5", "Unknown"],
            ["not_json, the whole body", "1", "1", "a JSON object or form fields", "Unknown"],
        ]
        follow(page, "unknown_event, event_id")
        assert [row[1] for row in listed(page)] == ["quarantined"] * 2

    def test_a_field_that_is_new(self, page, truth):
        open_overview(page)
        follow(page, "Quarantined")
        fields = table(page.get_by_role("table", name="Fields that this version does not know"))
        count = sum("new_field" in event for event, _ in truth.events(MEMBER))
        assert [row[:3] for row in fields] == [["new_field", str(count), "Group member"]]

    def test_where_in_a_body_it_is(self, page):
        open_overview(page)
        follow(page, "Quarantined")
        follow(page, "not_an_integer, data[].status")
        open_row(page)
        body = field(page, "Body")
        expect(body.locator("mark").first).to_have_text('"read"')
        expect(body).to_contain_text('"status": "read" ← not_an_integer, expected: a whole number')
        expect(body).to_contain_text("{ ← status: missing, expected: a whole number")


class TestWhoIsThere:
    def test_in_a_group(self, page, truth):
        open_overview(page)
        follow(page, "Early birds")
        members = truth.members()
        heading = f"Current members: {len(members)}"
        expect(page.get_by_role("heading", name=heading)).to_be_visible()
        rows = table(page.get_by_role("table", name=heading))
        assert [number for number, _ in rows] == members[::-1]
        events = [event["action"] for event, _ in truth.events(MEMBER)]
        for name, action in (("Joined", 1), ("Exited", 2)):
            card = page.get_by_role("region", name=f"{name}: {events.count(action)}")
            days = table_of(card, page)
            assert sum(int(count) for _, count in days) == events.count(action)
        follow(page, "All joins and exits")
        assert len(listed(page)) == len(events)

    def test_who_subscribed_by_a_channel(self, page, truth):
        open_overview(page)
        follow(page, "90 days")
        channels = table(page.get_by_role("table", name="New subscribers by channel"))
        assert sum(int(count) for _, count in channels) == truth.latest(SUBSCRIBER, 90)
        follow(page, "11 (Instagram)")
        rows = listed(page)
        assert {channel for *_, channel in rows} == {"11 (Instagram)"}
        assert ["11 (Instagram)", str(len(rows))] in channels


class TestWhatDidTheyWrite:
    def test_about_an_order(self, page):
        """The conversation of a number, with the message that the API sent, and its order."""
        ways.conversation(page)
        expect(page.get_by_role("heading", name=demo.CUSTOMER)).to_have_count(1)
        bubbles = page.locator(".pickyassist-conversation > li").all_inner_texts()
        assert len(bubbles) == 1 + len(demo.TALK)
        sent, *talk = bubbles
        assert "sent by the API" in sent
        assert "read" in sent
        for (_, text, _), bubble in zip(demo.TALK, talk, strict=True):
            assert text in bubble
        photo = page.get_by_role("link", name="https://cdn.example.org/door.jpeg")
        expect(photo).to_have_attribute("rel", "noreferrer noopener nofollow")
        assert page.locator("#content img").count() == 0
        follow(page, demo.ASKED_ORDER)
        assert [row[5] for row in listed(page)] == [demo.ASKED_ORDER]

    @pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
    def test_each_bubble_is_inside_of_the_page(self, size, shop, sit_down):
        page = sit_down(shop, size=size)
        ways.conversation(page)
        ours = page.locator(".pickyassist-ours").first.bounding_box()
        theirs = page.locator(".pickyassist-theirs").first.bounding_box()
        assert theirs["x"] < ours["x"]
        assert ours["x"] + ours["width"] <= size["width"]
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]

    def test_who_was_answered(self, page, truth):
        open_overview(page)
        rows = table(page.get_by_role("table", name="Conversations"))
        directions = [direction for _, direction, _ in truth.chats(30)]
        answered, questions = truth.answers(30)
        assert rows[:3] == [
            ["Received", str(directions.count(0))],
            ["Sent from a phone", str(directions.count(1))],
            ["Answered", f"{answered} of {questions}"],
        ]


class TestTakingItElsewhere:
    @pytest.mark.parametrize(
        ("link", "read"),
        [
            ("Export as CSV", lambda file: list(csv.DictReader(file))),
            ("Export as JSON lines", lambda file: [json.loads(line) for line in file]),
        ],
    )
    def test_the_rows_of_a_filter(self, link, read, page, truth):
        open_list(page, "Delivery reports")
        follow(page.locator("#changelist-filter"), "failed")
        expect(page.get_by_role("link", name="Clear all filters")).to_be_visible()
        with download(page, link).open(newline="", encoding="utf-8-sig") as file:
            rows = read(file)
        failed = [e["msg_id"] for e, _ in truth.events(DELIVERY) if e["status"] == "2"]
        assert {str(row["status"]) for row in rows} == {"2"}
        assert sorted(row["msg_id"] for row in rows) == sorted(failed)


class TestWhatToDoFirst:
    def test_the_url_to_paste(self, new_shop, sit_down):
        page = sit_down(new_shop)
        open_overview(page)
        steps = page.get_by_role("region", name="Overview").get_by_role("listitem")
        expect(steps).to_have_count(3)
        expect(steps.first).not_to_contain_text("test-secret")
        page.get_by_role("button", name="Show the URL to paste").click()
        expect(page.get_by_role("heading", name="The URL to paste")).to_be_visible()
        url = page.locator("dd").inner_text()
        assert url.startswith(f"{new_shop.origin}/pickyassist/")
        assert "test-secret" in url

    def test_without_the_permission_to_see_it(self, new_shop, shop, sit_down):
        for each, sentence in ((new_shop, "Copy the URL"), (shop, "Events received")):
            page = sit_down(each, CLERK)
            open_overview(page)
            expect(page.get_by_text(sentence).first).to_be_visible()
            expect(page.get_by_role("button", name="Show the URL")).to_have_count(0)
            assert "test-secret" not in page.content()
