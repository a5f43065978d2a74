"""Texts of strangers in chat messages: on each page, in the API and in exports."""

from __future__ import annotations

import csv
import json
import re
from io import StringIO

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse

from pickyassist_webhooks.models import ChatMessage, DeliveryReport, WebhookRequest
from pickyassist_webhooks.testing import chat_message
from tests.pages import Page
from tests.requests import SECRET, chat, delivery, post, row, url

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.urls_api")]

ADMIN = "admin:pickyassist_webhooks_chatmessage"
MARKUP = "'\"><script>evil()</script><img src=x onerror=evil()>{{7*7}}{% load x %}"
BIDI = "\u202egnp.exe\u2066\u200b\x1b[31m\x85\u2028\r\n"
FORMULA = '=HYPERLINK("http://evil.example","x")'
NOT_HTTPS = [
    "javascript:alert(1)",
    "JavaScript://x%0aalert(1)",
    "data:text/html,<script>evil()</script>",
    "//evil.example/x.png",
    "http://evil.example/x.png",
    " https://evil.example/",
    "https://evil.example/\u202egnp",
]
UNSEEN = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u200b\u2028-\u202e\u2066-\u2069]")


def pages(client):
    yield Page(client.get(reverse(f"{ADMIN}_changelist")))
    for pk in ChatMessage.objects.values_list("pk", flat=True):
        for name in ("change", "conversation", "history", "delete"):
            yield Page(client.get(reverse(f"{ADMIN}_{name}", args=[pk])))


def everywhere(text, **fields):
    """Return a payload with a text in each field that takes one."""
    return chat(
        "88001",
        **{
            **dict.fromkeys(("name", "message_in_raw", "media_url", "payload", "number"), text),
            "messenger_id": text,
            "interactive": {"id": text, "description": text, text: text},
            "location": {"name": text, "url": text, text: [text]},
            "contact": [{"first_name": text, "contact_image": text, text: text}],
            "group_mentions": [text, {text: text}],
            "custom-variable": text,
            **fields,
        },
    )


@pytest.mark.parametrize("group_id", ["", f"A{MARKUP}"])
@pytest.mark.parametrize("text", [MARKUP, BIDI, MARKUP + BIDI], ids=["markup", "bidi", "both"])
def test_pages_hold_nothing_live(text, group_id, root):
    post(everywhere(text, group_id=group_id, number=f"{text} @{text} / 15550001111"))
    post(delivery(row("1", number="15550001111", reference_number=text, push_id=text)))
    for page in pages(root):
        assert not UNSEEN.search(page.source), UNSEEN.search(page.source)
    assert ChatMessage.objects.get().text == text  # stored as it came


@pytest.mark.parametrize("address", NOT_HTTPS)
def test_only_https_is_a_link(address, root):
    post(everywhere(address, number="15550001111"))
    for page in pages(root):
        assert "evil.example" not in "".join(page.links)
        assert "noreferrer" not in page.source


def test_media_is_linked_and_not_loaded(root):
    address = "https://cdn.example.org/a.jpeg?x=1&y=2"
    post(chat(media_url=address, location={"url": "https://maps.example.org/x"}))
    message = ChatMessage.objects.get()
    for name in ("change", "conversation"):
        source = root.get(reverse(f"{ADMIN}_{name}", args=[message.pk])).content.decode()
        assert 'href="https://cdn.example.org/a.jpeg?x=1&amp;y=2" rel="noreferrer' in source
        assert 'href="https://maps.example.org/x" rel=' in source
        assert not re.search("<(img|video|audio|iframe|object|embed)", source)


def test_a_text_of_a_megabyte(root):
    post(chat(message_in_raw="x" * 1_000_000, media_url="https://x.example/" + "y" * 500_000))
    post(chat("88002", contact=[{"name": "z" * 50} for _ in range(1500)]))
    for page in pages(root):
        assert len(page.source) < 100_000
    assert ChatMessage.objects.earliest("pk").text == "x" * 1_000_000
    [message] = root.get("/api/chat-messages/?unique_id=88001").json()["results"]
    assert len(message["text"]) == 1_000_000


def test_no_cell_of_an_export_is_a_formula(root):
    post(everywhere(FORMULA))
    text = root.get(reverse(f"{ADMIN}_export_csv")).getvalue().decode()
    head, cells = csv.reader(StringIO(text), strict=True)
    values = dict(zip(head, cells, strict=True))
    assert values["text"] == f"'{FORMULA}"
    assert not [cell for cell in cells if cell[:1] in tuple("=+-@")]
    lines = root.get(reverse(f"{ADMIN}_export_jsonl")).getvalue().decode()
    assert json.loads(lines)["text"] == FORMULA


def test_the_api_answers_json(root):
    post(everywhere(MARKUP, number="15550001111"))
    for path in ("chat-messages/", "numbers/15550001111/conversation/"):
        answer = root.get(f"/api/{path}", headers={"Accept": "application/json"})
        assert answer["Content-Type"] == "application/json"
        assert answer.json()["results"][0]["text"] == MARKUP


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", ""])
def test_the_query_changes_nothing(content_type):
    query = "number=15559999999&name=Eve&direction=1&unique-id=7&message_in_raw=x&event_id=1"
    post(chat(name="Ada"), to=f"{url()}?{query}", content_type=content_type)
    message = ChatMessage.objects.get()
    assert (message.number, message.name, message.direction) == ("15550001111", "Ada", 0)
    assert (message.unique_id, message.text) == ("88001", "text of 88001")
    request = WebhookRequest.objects.get()
    assert request.query == query
    assert SECRET not in request.query


def test_an_event_with_the_names_of_a_chat_message():
    post({**chat(), **delivery(row("1")), "message-in": "hi"})
    assert not ChatMessage.objects.exists()
    assert DeliveryReport.objects.get().msg_id == "1"


def test_names_of_columns_are_extra():
    names = ("id", "pk", "key", "request", "request_id", "received_at", "index", "arrival", "extra")
    injected = {**dict.fromkeys(names, 7), "number_key": "7", "__class__": "x", "content": "other"}
    post({**chat(), **injected})
    message = ChatMessage.objects.get()
    assert (message.extra, message.content) == (injected, "text")
    assert message.key == "4100:88001:0"


def test_a_conversation_without_the_permission_to_see_personal_data(client):
    user = get_user_model().objects.create_user("clerk", is_staff=True)
    names = ("chatmessage", "message")
    user.user_permissions.set(
        type(user)
        ._meta.get_field("user_permissions")
        .related_model.objects.filter(codename__in=[f"view_{name}" for name in names])
    )
    client.force_login(user)
    personal = {"name": "Ada Lovelace", "message_in_raw": "I am ill", "payload": "ill"}
    places = {"location": {"name": "Clinic"}, "contact": [{"phone": "15557654322"}]}
    post(chat("1", number="15557654321", media_url="https://x.example/a", **personal, **places))
    post(chat("2", number="", messenger_id="7000000000001"))
    post(chat("3", number="Team @Ada / 15557654321", group_id="15557654321-1589012345@g.us"))
    post(chat("4", number="15557654321", message_in_raw="", type=2))
    post(delivery(row(number="15557654321")))
    for message in ChatMessage.objects.all():
        page = client.get(reverse(f"{ADMIN}_conversation", args=[message.pk])).content.decode()
        for text in (
            "15557654321",
            "15557654322",
            "7000000000001",
            "Ada L",
            "I am",
            "Clinic",
            "x.ex",
        ):
            assert text not in page
        assert "•••" in page


def test_conversations_are_kept_apart(root):
    post(chat("1", message_in_raw="direct"))
    post(chat("2", group_id="A41", number="Team @Ada / 15550001111", message_in_raw="in A41"))
    post(chat("3", group_id="B41", number="@Ada / 15550001111", message_in_raw="in B41"))
    post(chat("4", number="", messenger_id="7", message_in_raw="by Messenger"))
    post(chat("5", number="", message_in_raw="by no one"))
    post(chat("6", number="", message_in_raw="by no one else"))
    post(chat("7", project_id="other", message_in_raw="of another project"))
    texts = list(ChatMessage.objects.order_by("pk").values_list("text", flat=True))
    for message in ChatMessage.objects.all():
        page = Page(root.get(reverse(f"{ADMIN}_conversation", args=[message.pk])))
        shown = re.findall(r'pickyassist-said">([^<]*)<', page.source)
        assert shown == [message.text]
    assert len(texts) == 7


def test_only_the_newest_messages_are_shown(root, monkeypatch):
    monkeypatch.setattr("pickyassist_webhooks.admin.chat.MAX_MESSAGES", 2)
    for number in range(3):
        post(chat(str(number), message_in_raw=f"text {number}", context_msg_id="900001"))
    message = ChatMessage.objects.earliest("pk")
    page = Page(root.get(reverse(f"{ADMIN}_conversation", args=[message.pk])))
    assert page.has("Messages: 3 · The newest 2 are shown. · Earlier messages")
    assert "text 0" not in page.text
    assert page.text.index("text 1") < page.text.index("text 2")


def test_links_of_a_conversation(root):
    reports = row("900001", number="15550001111", reference_number="ORD-1", push_id="P1")
    post(delivery(reports))
    post(chat(context_msg_id="900001"))
    message = ChatMessage.objects.get()
    page = Page(root.get(reverse(f"{ADMIN}_conversation", args=[message.pk])))
    parts = (r"\?reference_of=\d+", r"\?push_of=\d+", r"/message/\d+/", r"/webhookrequest/\d+/")
    for part in parts:
        [link] = {link for link in page.links if re.search(part, link)}
        Page(root.get(link))
    page = Page(root.get(reverse(f"{ADMIN}_change", args=[message.pk])))
    assert page.has("ORD-1")


def test_a_conversation_is_no_page_for_strangers(client):
    post(chat_message())
    page = reverse(f"{ADMIN}_conversation", args=[ChatMessage.objects.get().pk])
    assert client.get(page).status_code == 302
    client.force_login(get_user_model().objects.create_user("clerk", is_staff=True))
    assert client.get(page).status_code == 403
    assert client.post(page).status_code == 405


@pytest.mark.parametrize("pk", ["0", "x", "9" * 30, "1%00", "\u0661"])
def test_replies_of_no_message(pk, root):
    assert root.get(f"/api/messages/{pk}/replies/").status_code == 404


def test_replies_of_a_message(root):
    post(delivery(row("900001")))
    post(chat("1", context_msg_id="900001"))
    post(chat("2", context_msg_id="900002"))
    post(chat("3", context_msg_id="900001", project_id="other"))
    pk = root.get("/api/messages/").json()["results"][0]["id"]
    replies = root.get(f"/api/messages/{pk}/replies/").json()["results"]
    assert [reply["unique_id"] for reply in replies] == ["1"]
    assert Client().get(f"/api/messages/{pk}/replies/").status_code in (401, 403)
