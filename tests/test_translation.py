"""Every word of the admin's pages can be translated: all text except data uses gettext."""

from __future__ import annotations

import re
from gettext import NullTranslations
from html import unescape

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.urls import reverse
from django.utils import translation
from django.utils.translation import trans_real
from django.utils.translation.trans_real import CONTEXT_SEPARATOR

from pickyassist_webhooks import ingest, signals
from pickyassist_webhooks.models import (
    ChatMessage,
    DeliveryReport,
    GroupMemberEvent,
    WebhookRequest,
)
from tests.requests import chat as chat_payload
from tests.requests import delivery, filtered, keep, member, post, row, subscriber

pytestmark = pytest.mark.django_db

APP = "pickyassist_webhooks"
MODELS = [model for model in admin.site._registry if model._meta.app_label == APP]


#: Tokens, paths of receivers, media types, and the names of actions.
DATA = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4,}){4}|tests\.[\w.<>]+|\w+/json|T1\d:"
    r"|ValueError|(?:call|delete|discard|erase|process|member|event)_\w+|data\[\d?\]\.status|not_an_integer|unknown_event|user0"
)


class Marking(NullTranslations):
    """A language that puts every text between brackets."""

    def gettext(self, message):
        return f"⟦{message.rpartition(CONTEXT_SEPARATOR)[2]}⟧"

    def ngettext(self, singular, plural, number):
        return f"⟦{singular if number == 1 else plural}⟧"

    def language(self):
        return "en"

    def to_language(self):
        return "en"


@pytest.fixture
def marked(monkeypatch):
    monkeypatch.setitem(trans_real._translations, "en", Marking())
    with translation.override("en"):
        yield


def left(response):
    """Return the words of a page that did not use gettext and are not code."""
    assert response.status_code == 200
    page = response.content.decode()
    page = page[page.index('id="content-start"') :].partition(">")[2]
    page = page.replace("<wbr>", "")  # in the middle of a path
    page = re.sub(r"(?s)<(code|pre|script|style)\b.*?</\1>|<input type=.hidden.*?>", " ", page)
    page = re.sub(r"<[^>]+>", attributes, page)
    page = DATA.sub(" ", unescape(page))
    while "⟦" in page:
        page, count = re.subn(r"⟦[^⟦⟧]*⟧", " ", page)
        assert count
    return set(re.findall(r"[A-Za-z_][\w.-]*", page))


def attributes(tag):
    """Return the text of a tag that people read."""
    return " ".join(re.findall(r' (?:title|aria-label|placeholder|value)="([^"]*)"', tag[0])) or " "


@pytest.fixture
def filled(settings):
    def crm(event, **named):
        raise ValueError("1")

    settings.PICKYASSIST_WEBHOOKS = settings.PICKYASSIST_WEBHOOKS | {"MAX_ATTEMPTS": 1}
    signals.member_joined.connect(crm)
    post(member(group_id="1", group_subject="2"))
    signals.member_joined.disconnect(crm)
    post(member(2, group_id="1", group_subject=""))
    report = row("1", 2, error_code="1", error_message="2", reference_number="3", channel_id="8")
    post(delivery(report, row("1", 1, reference_number="3"), row("2", 77)))
    post(filtered())
    post(subscriber(subscriber_id="1", name="2", message="3", channel="8"))
    post(chat_payload("1", message_in_raw="2", context_msg_id="1", location={"3": 4}, contact=[5]))
    post(chat_payload("2", message_in_raw="", media_url="6", type=2, direction=1))
    post(chat_payload("3", group_id="7", number="8 @9 / 10", payload="11", message_in_raw="12"))
    post(delivery(row("5", 1), row("6", "7x")))
    post({"project_id": "1", "event_id": 99})
    ingest.replay(WebhookRequest.objects.last().pk, "4711")
    keep({"project_id": "1"})


def test_finds_text_that_is_not_translated(client):
    """Make sure that the other tests can fail: all words of an English page are left."""
    client.force_login(get_user_model().objects.create_superuser("4711"))
    assert "Overview" in left(client.get(reverse("admin:app_list", args=[APP])))


def pages():
    yield reverse("admin:app_list", args=[APP])
    yield reverse("admin:app_list", args=[APP]) + "?days=7"
    for model in MODELS:
        name = f"admin:{APP}_{model._meta.model_name}"
        yield reverse(f"{name}_changelist")
        for pk in model._default_manager.values_list("pk", flat=True):
            yield reverse(f"{name}_change", args=[pk])
    requests = f"admin:{APP}_webhookrequest"
    yield reverse(f"{requests}_problems")
    yield reverse(f"{requests}_problem", args=[WebhookRequest.objects.exclude(problem=None)[0].pk])
    for message in ChatMessage.objects.all():
        yield reverse(f"admin:{APP}_chatmessage_conversation", args=[message.pk])
    yield reverse(f"admin:{APP}_groupmemberevent_group", args=[GroupMemberEvent.objects.first().pk])


def test_pages(filled, root, marked):
    untranslated = {page: words for page in pages() if (words := left(root.get(page)))}
    assert untranslated == {}


def test_pages_of_an_empty_database(root, marked):
    assert left(root.get(reverse("admin:app_list", args=[APP]))) == set()
    assert left(root.get(reverse(f"admin:{APP}_webhookrequest_problems"))) == set()


def test_answers_to_buttons(filled, root, marked):
    name = f"admin:{APP}_webhookrequest"
    pk = WebhookRequest.objects.exclude(problem=None).last().pk
    assert left(root.post(reverse(f"{name}_url"))) == set()
    for action, reason in (("replay", ""), ("retry", ""), ("discard", ""), ("discard", "1")):
        for _ in range(2):
            page = reverse(f"{name}_{action}", args=[pk])
            answer = root.post(page, {"reason": reason}, follow=True)
            assert left(answer) == set(), action
    chosen = {"action": "erase_numbers", "_selected_action": [DeliveryReport.objects.first().pk]}
    page = reverse(f"admin:{APP}_deliveryreport_changelist")
    assert left(root.post(page, chosen)) == set()
    assert left(root.post(page, chosen | {"erase": "yes"}, follow=True)) == set()
    chosen = {"_selected_action": [pk]}
    page = reverse(f"{name}_changelist")
    for action, more in (
        ("process_again", {}),
        ("process_again", {"last": pk}),
        ("call_receivers_again", {}),
        ("discard_selected", {}),
        ("discard_selected", {"reason": "1", "last": pk}),
        ("discard_selected", {}),
    ):
        answer = root.post(page, chosen | {"action": action} | more, follow=True)
        assert left(answer) == set(), action
