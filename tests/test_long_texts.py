"""Pages that hold only so many bytes of a stranger's text, and none of it as a link."""

from __future__ import annotations

import json
import time
import tracemalloc
from html.parser import HTMLParser
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from rest_framework.renderers import AdminRenderer, BrowsableAPIRenderer, JSONRenderer

from pickyassist_webhooks.api import texts, views
from pickyassist_webhooks.api.pagination import read_cursor
from pickyassist_webhooks.models import (
    DeliveryReport,
    GroupMemberEvent,
    Message,
    NewSubscriber,
    WebhookRequest,
)
from tests.requests import delivery, filtered, member, post, row, subscriber

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.urls_api")]

LONG = "ä" * 3000  # 6,000 bytes
WIDE = "x" * 6000  # as many in JSON too, which some databases hold with escapes
FOLLOWED = "/api/requests/?after="


@pytest.fixture
def small(monkeypatch):
    """Pages of 20,000 bytes: three long texts."""
    monkeypatch.setattr(texts, "MAX_BYTES", 20_000)


def pages(client, url):
    """Return the rows of each page from a first one on, to the end."""
    results = []
    while url:
        page = client.get(url).json()
        results.append(page["results"])
        url = page["next"]
    return results


def followed(client, count, url=FOLLOWED):
    """Return the requests of each page until so many have come.

    A transaction of any test that runs on the same server may hold us up for a moment.
    """
    results, deadline = [], time.monotonic() + 60
    while sum(map(len, results)) < count and time.monotonic() < deadline:
        page = client.get(url).json()
        results.append(page["results"])
        url = page["next"]
    return [page for page in results if page]


def fill(count):
    """Post long texts in every column that takes them, and short ones between them."""
    for number in range(count):
        long = row(f"L{number}", message=LONG, new={"of": WIDE})
        post(delivery(row(f"A{number}"), long, row(f"B{number}", media="short")))
        post(filtered(row(f"F{number}", error_message=LONG)))
        post(member(number=f"1555000{number:04}", new=[WIDE]))
        post(subscriber(subscriber_id=f"S{number}", message=LONG, profile_pic=LONG))


@pytest.mark.parametrize("ordering", ["-received_at", "received_at", "id", "-id"])
@pytest.mark.parametrize(
    "name", ["delivery-reports", "filter-reports", "group-events", "subscribers"]
)
def test_pages_are_cut_by_bytes_and_leave_no_row_out(name, ordering, small, root):
    fill(5)
    url = f"/api/{name}/?ordering={ordering}"
    results = pages(root, url)
    ids = [each["id"] for page in results for each in page]
    [everything] = pages_of_any_size(root, url)
    assert ids == [each["id"] for each in everything]
    assert len(results) > 1
    assert [each for page in results for each in page] == everything
    for page in results:
        size = len(json.dumps(page, ensure_ascii=False).encode())
        assert size < 26_000 or len(page) == 1


def pages_of_any_size(client, url):
    before, texts.MAX_BYTES = texts.MAX_BYTES, 10**9
    try:
        return pages(client, url)
    finally:
        texts.MAX_BYTES = before


def test_pages_that_were_cut_lead_back_too(small, root):
    fill(5)
    page = root.get("/api/subscribers/").json()
    while page["next"]:
        page = root.get(page["next"]).json()
    back = [*page["results"]]
    while page["previous"]:
        page = root.get(page["previous"]).json()
        back = [*page["results"], *back]
    ids = list(NewSubscriber.objects.order_by("-pk").values_list("pk", flat=True))
    assert [each["id"] for each in back] == ids


def test_standing_facts_are_cut_too(small, root):
    for number in range(6):
        post(member(number=f"1555000{number:04}", new=WIDE))
    assert [len(page) for page in pages(root, "/api/groups/A4100/members/")] == [3, 3]


@pytest.mark.django_db(transaction=True)
def test_followers_are_given_each_request_once_within_the_bytes(small, root):
    fill(3)
    ids = sorted(WebhookRequest.objects.values_list("pk", flat=True))
    results = followed(root, len(ids))
    assert [each["id"] for page in results for each in page] == ids
    assert len(results) >= 4
    events = [event for page in results for each in page for event in each["events"]]
    assert len(events) == 3 * 6
    assert sum(event.get("message") == LONG for event in events) == 3 * 2
    assert [each["extra"] for each in events if each.get("msg_id") == "L0"] == [
        {"new": {"of": WIDE}}
    ]


@pytest.mark.django_db(transaction=True)
def test_followers_are_given_what_was_unfinished_once(small, root):
    fill(2)
    ids = sorted(WebhookRequest.objects.values_list("pk", flat=True))
    WebhookRequest.objects.update(state="received")
    url, deadline = FOLLOWED, time.monotonic() + 60
    while read_place(url).get("after") != ids[-1] and time.monotonic() < deadline:
        page = root.get(url).json()
        assert page["results"] == []
        url = page["next"]
    WebhookRequest.objects.update(state="done")
    results = followed(root, len(ids), url)
    assert sorted(each["id"] for page in results for each in page) == ids
    assert len(results) > 2


def read_place(url):
    text = parse_qs(urlsplit(url).query).get("after", [""])[0]
    return read_cursor("after", text) if text else {}


def test_long_texts_cost_one_statement_more_for_any_number_of_rows(small, root):
    counts = []
    for _ in range(2):
        fill(4)
        with CaptureQueriesContext(connection) as queries:
            root.get("/api/subscribers/")
        counts.append(len(queries))
    DeliveryReport.objects.exclude(msg_id__startswith="A").delete()
    with CaptureQueriesContext(connection) as queries:
        root.get("/api/delivery-reports/")
    assert counts == [len(queries) + 1] * 2


def test_a_row_that_is_deleted_before_its_texts_are_read_has_none(monkeypatch, root):
    fill(1)
    complete = texts.complete

    def slow(rows):
        NewSubscriber.objects.all().delete()
        complete(rows)

    monkeypatch.setattr(texts, "complete", slow)
    [shown] = root.get("/api/subscribers/").json()["results"]
    assert (shown["message"], shown["profile_pic"]) == ("", "")


@pytest.mark.django_db(transaction=True)
def test_texts_of_nine_million_bytes_come_one_by_one(root):
    text = "x" * 9_000_000
    for number in range(3):
        post(delivery(row(f"M{number}", message=text)))
    assert [len(page) for page in pages(root, "/api/delivery-reports/")] == [1, 1, 1]
    assert [len(page) for page in followed(root, 3)] == [1, 1, 1]
    for url in ("/api/delivery-reports/", FOLLOWED):
        tracemalloc.start()
        answer = root.get(url)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert len(answer.content) < 9_100_000
        assert peak < 100 * 1024 * 1024
    shown = root.get("/api/delivery-reports/", {"format": "api"}).content
    assert len(shown) < 1_100_000
    assert b"format=json shows the rest" in shown


class Page(HTMLParser):
    def __init__(self, content):
        super().__init__()
        self.links, self.tags, self.text = [], [], ""
        self.feed(content)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.links += [value for name, value in attributes if name in ("href", "src", "action")]

    def handle_data(self, data):
        self.text += data


HOSTILE = [
    "http://evil.example/x",
    "https://evil.example",
    "www.evil.example",
    "evil@evil.example",
    "javascript:alert('evil')",
    "data:text/html,evil",
    "mailto:evil@evil.example",
    '"><a href="http://evil.example">evil</a><img src=x onerror=evil()>',
    "<evil>&amp;&#58;</evil>",
]


def fill_with(text):
    post(delivery(row(text, error_message=text, message=text, media=text, vendor=text)))
    post(filtered(row(text, error_message=text, reference_number=text)))
    post(member(group_subject=text, channel=text))
    post(subscriber(name=text, email=text, profile_pic=text, message=text, subscriber_id=text))
    post({"project_id": text, "event_id": 99, text: text})


def html(client, url, **named):
    answer = client.get(url, {"format": "api"} | named)
    assert answer.status_code in (200, 400, 405), (url, answer.content)
    return Page(answer.content.decode())


@pytest.fixture(params=[["django_filters"], []])
def apps(request, settings):
    """The app with the templates of the filters' forms, which a project may have forgotten."""
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, *request.param]


@pytest.mark.parametrize("renderer", [BrowsableAPIRenderer, AdminRenderer])
@pytest.mark.parametrize("text", HOSTILE)
def test_the_browsable_api_shows_text_as_text(text, renderer, apps, root, monkeypatch):
    monkeypatch.setattr(views.ReadingView, "renderer_classes", [JSONRenderer, renderer])
    fill_with(text)
    asked = {"format": renderer.format}
    urls = [reverse(f"pickyassist_webhooks_api:{name}") for name in ("stats",)]
    urls += ["/api/groups/A4100/members/", "/api/numbers/15550001111/verdict/", FOLLOWED]
    for prefix in ("requests", "delivery-reports", "filter-reports", "group-events"):
        urls.append(f"/api/{prefix}/")
    urls += ["/api/subscribers/", "/api/messages/"]
    for model, prefix in {
        DeliveryReport: "delivery-reports",
        GroupMemberEvent: "group-events",
        NewSubscriber: "subscribers",
        Message: "messages",
        WebhookRequest: "requests",
    }.items():
        urls.append(f"/api/{prefix}/{model.objects.latest('pk').pk}/")
    urls.append(f"/api/requests/{WebhookRequest.objects.latest('pk').pk}/replay/")
    for url in urls:
        page = html(root, url, **asked)
        assert not [link for link in page.links if "evil" in str(link)], url
        assert "evil" not in page.tags
        assert "onerror" not in page.tags
    shown = html(root, "/api/subscribers/", **asked)
    assert json.dumps(text, ensure_ascii=False) in shown.text


def test_what_a_reader_asks_for_is_no_link_either(apps, root):
    page = html(root, "/api/messages/", msg_id=HOSTILE[0], nonsense=HOSTILE[-2])
    assert all(link[0] in "?/#" for link in page.links if "evil" in str(link))
