"""The labels of secrets: which secret a request came with, while one is replaced by another."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.urls import reverse

from pickyassist_webhooks.models import WebhookRequest
from tests.pages import Page
from tests.requests import delivery, keep, post, row, url

pytestmark = pytest.mark.django_db

LIST = "admin:pickyassist_webhooks_webhookrequest_changelist"
GUIDE = Path(__file__).parent.parent / "docs/how-to/rotating-the-secret.md"
OLD, NEW = "old-secret-Jq3vYtW8zXk2LmN5", "new-secret-Jq3vYtW8zXk2LmN5"


@pytest.fixture
def rotating(settings):
    secrets = {"2026-01": OLD, "2026-07": NEW}
    settings.PICKYASSIST_WEBHOOKS = {**settings.PICKYASSIST_WEBHOOKS, "SECRETS": secrets}


@pytest.fixture
def requests(rotating, clock):
    """Return the ids of requests: without a label, with the old secret twice, and with the new."""
    ids = [keep(delivery(row("0"))).pk]
    for number, secret in enumerate((OLD, NEW, OLD), 1):
        clock.advance(minutes=1)
        post(delivery(row(str(number))), to=url(secret))
        ids.append(WebhookRequest.objects.latest("pk").pk)
    return ids


def listed(client, **query):
    return [each.pk for each in client.get(reverse(LIST), query).context["cl"].result_list]


def test_the_list_has_a_column(requests, root):
    text = Page(root.get(reverse(LIST))).text
    assert "Secret label" in text
    assert text.count("2026-01") > text.count("2026-07") > 1


def test_filter(requests, root):
    none, first, new, last = requests
    assert listed(root, secret_label="2026-01") == [last, first]
    assert listed(root, secret_label="2026-07") == [new]
    assert listed(root, secret_label="") == [none]
    assert listed(root, secret_label="never") == []


def test_search(requests, root):
    _, first, _, last = requests
    assert listed(root, q="2026-01") == [last, first]
    assert listed(root, q=str(WebhookRequest.objects.get(pk=first).token)) == [first]
    assert listed(root, q="2026") == []
    help_text = root.get(reverse(LIST)).context["cl"].search_help_text
    assert "token or secret label" in help_text


def offered(client, **query):
    links = Page(client.get(reverse(LIST), query)).links
    found = (parse_qs(urlsplit(each).query, True).get("secret_label") for each in links)
    return {labels[0] for labels in found if labels}


def test_labels_of_the_settings_and_of_rows_are_offered(requests, root, settings):
    assert offered(root) == {"", "2026-01", "2026-07"}
    settings.PICKYASSIST_WEBHOOKS = {
        **settings.PICKYASSIST_WEBHOOKS,
        "SECRETS": {"2026-07": NEW, "2027-01": OLD},
    }
    assert offered(root) == {"", "2026-01", "2026-07", "2027-01"}
    assert "never" in offered(root, secret_label="never")


def test_a_search_for_a_label_has_all_its_requests(requests, root, monkeypatch):
    monkeypatch.setattr("pickyassist_webhooks.admin.lists.MAX_MATCHES", 1)
    _, first, _, last = requests
    assert listed(root, q="2026-01") == [last, first]
    assert listed(root, q="2026-01", state__exact="dead") == []
    assert listed(root, q="2026-0") == []


def test_nothing_is_offered_without_labels(root):
    post(delivery())
    assert offered(root) == set()
    assert listed(root, secret_label="") == [WebhookRequest.objects.get().pk]


def test_an_export_of_a_label(requests, root):
    export = reverse("admin:pickyassist_webhooks_webhookrequest_export_jsonl")
    for query in ({"secret_label": "2026-01"}, {"q": "2026-01"}):
        lines = b"".join(root.get(export, query)).decode().splitlines()
        assert len(lines) == 2
        assert all('"secret_label": "2026-01"' in line for line in lines)


@pytest.mark.urls("tests.urls_api")
def test_the_api_filters(requests, root):
    answer = root.get("/api/requests/", {"secret_label": "2026-01"})
    _, first, _, last = requests
    assert [each["id"] for each in answer.json()["results"]] == [last, first]


def test_the_step_of_the_guide(requests, capsys):
    """Its code prints when the old secret was last used."""
    [code] = re.findall(r"```python\n(   from pickyassist.*?)```", GUIDE.read_text("utf-8"), re.S)
    exec(re.sub("(?m)^   ", "", code), {})  # noqa: S102 -- our own docs
    last = WebhookRequest.objects.get(pk=requests[-1]).received_at
    assert capsys.readouterr().out == f"{last}\n"
    newest = WebhookRequest.objects.latest("received_at").received_at
    assert last == newest
    assert newest - WebhookRequest.objects.earliest("received_at").received_at >= timedelta(
        minutes=3
    )


def test_an_index_has_the_order():
    newest = WebhookRequest.objects.filter(secret_label="2026-01").order_by("-received_at")
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_sort = off")
    assert "pickyassist_request_label" in newest[:1].explain()
