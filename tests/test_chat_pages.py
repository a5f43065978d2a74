"""Chat messages in the admin and the read API, and erasing them."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from pickyassist_webhooks.models import ChatMessage, Message, WebhookRequest
from pickyassist_webhooks.privacy.erasure import Erasure
from pickyassist_webhooks.privacy.phone_numbers import Number
from pickyassist_webhooks.pushes import record_push
from pickyassist_webhooks.testing import chat_message, push_answer
from tests.requests import chat, delivery, post, row

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.urls_api")]


@pytest.fixture
def client():
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("operator"))
    return client


@pytest.fixture
def talk():
    """A message that the API sent, its answer, and another one from the phone."""
    reports = row("900001", 1, number="15550001111", reference_number="ORD-1", push_id="P1")
    post(delivery(reports))
    about = {"number": "15550001111", "project_id": "4100"}
    post(chat_message(**about, message_in_raw="<b>yes</b>", context_msg_id="900001"))
    post(chat_message(**about, message_in_raw="On our way", direction=1))
    post(chat_message(number="15550002222", project_id="4100", message_in_raw="someone else"))


def test_a_conversation_has_all_messages_of_a_number(client, talk):
    message = ChatMessage.objects.order_by("pk").first()
    page = client.get(
        reverse("admin:pickyassist_webhooks_chatmessage_conversation", args=[message.pk])
    ).content.decode()
    assert "&lt;b&gt;yes&lt;/b&gt;" in page
    assert page.index("ORD-1") < page.index("yes") < page.index("On our way")
    assert "someone else" not in page
    assert "delivered" in page


def test_a_message_without_contacts_has_no_empty_list(client, talk):
    message = ChatMessage.objects.first()
    url = reverse("admin:pickyassist_webhooks_chatmessage_change", args=[message.pk])
    page = client.get(url).content.decode()
    assert "Contacts" in page
    assert "[]</pre>" not in page


def conversation(client, **of):
    message = ChatMessage.objects.filter(**of).latest("pk")
    url = reverse("admin:pickyassist_webhooks_chatmessage_conversation", args=[message.pk])
    return client.get(url).content.decode()


def test_a_recorded_push_is_in_the_conversation(client):
    answer = push_answer({"msg_id": "900001", "number": "15550001111"}, push_id="P7")
    record_push(answer, project_id="4100", references="ORD-1")
    post(chat("88001", context_msg_id="900001"))
    page = conversation(client)
    assert page.index("accepted") < page.index("ORD-1") < page.index("push P7")
    assert page.index("push P7") < page.index("text of 88001")
    post(chat("88002", direction=1))
    assert "<bdi>sent from a phone</bdi>" in conversation(client)


def test_the_conversation_of_a_group_and_of_a_messenger_account(client):
    post(chat("1", number="Team @Ada / 15550001111", group_id="A41"))
    post(chat("2", number="Team @Bob / 15550002222", group_id="A41", direction=1))
    post(chat("3", number="15550001111"))
    post(chat("4", number="", messenger_id="7000000000001"))
    post(chat("5", number="", messenger_id="7000000000002"))
    post(chat("6", number=""))
    pages = {
        "group_id": (conversation(client, group_id="A41"), {"1", "2"}),
        "number": (conversation(client, number="15550001111", group_id=""), {"3"}),
        "messenger": (conversation(client, messenger_id="7000000000001"), {"4"}),
        "no one": (conversation(client, unique_id="6"), {"6"}),
    }
    for page, expected in pages.values():
        assert {each for each in "123456" if f"text of {each}" in page} == expected


def test_without_personal_data_a_conversation_shows_no_text(login):
    post(chat(name="Ada Lovelace", location={"name": "Depot"}, media_url="https://e.example/a"))
    post(chat("88002", type="3", message_in_raw="", media_url=""))
    page = conversation(login("view_chatmessage"))
    for hidden in ("15550001111", "Ada Lovelace", "text of 88001", "Depot", "e.example"):
        assert hidden not in page
    assert page.count("•••111") > 1
    assert "video" in page


def test_a_long_conversation_shows_its_newest_messages(client, monkeypatch):
    monkeypatch.setattr("pickyassist_webhooks.admin.chat.MAX_MESSAGES", 3)
    for number in range(5):
        post(chat(f"8800{number}"))
    page = conversation(client)
    assert "The newest 3 are shown." in page
    assert "text of 88001" not in page
    assert page.index("text of 88002") < page.index("text of 88004")
    [earlier] = re.findall(r'<a href="([^"]+)" rel="prev">Earlier messages', page)
    page = client.get(unescape(earlier)).content.decode()
    assert page.index("text of 88000") < page.index("text of 88001")
    assert "text of 88002" not in page
    assert "Earlier messages" not in page
    assert "Newest messages" in page


def test_an_earlier_page_of_no_moment(client, talk):
    message = ChatMessage.objects.first()
    url = reverse("admin:pickyassist_webhooks_chatmessage_conversation", args=[message.pk])
    assert client.get(url, {"before": "yesterday"}).status_code == 404


def test_a_reply_and_its_message_lead_to_each_other(client, talk):
    page = conversation(client, number="15550001111")
    assert "answers ORD-1" in page
    message = Message.objects.get()
    url = reverse("admin:pickyassist_webhooks_message_change", args=[message.pk])
    [link] = re.findall(r'<a href="([^"]+)">Chat messages: 1', client.get(url).content.decode())
    post(chat("1", project_id="other", context_msg_id="900001"))
    post(chat("900001"))
    [reply] = client.get(unescape(link)).context["cl"].result_list
    assert reply.text == "<b>yes</b>"


def test_a_message_leads_to_the_conversation_with_its_number(client, login):
    post(delivery())
    message = Message.objects.get()
    url = reverse("admin:pickyassist_webhooks_message_change", args=[message.pk])
    assert "conversation/" not in client.get(url).content.decode()
    post(chat("1", number=message.number, message_in_raw="When does it come?"))
    post(chat("2", number=message.number, project_id="other"))
    [link] = re.findall(r'<a href="([^"]+/conversation/)"', client.get(url).content.decode())
    assert "When does it come?" in client.get(link).content.decode()
    assert "conversation/" not in login("view_message").get(url).content.decode()


def test_replies_need_the_permission_to_view_both(login, talk):
    [message] = Message.objects.all()
    url = reverse("admin:pickyassist_webhooks_message_change", args=[message.pk])
    assert "Chat messages: 1" not in login("view_message").get(url).content.decode()
    answer = ChatMessage.objects.exclude(context_msg_id="").first()
    viewer = login("view_chatmessage")
    page = reverse("admin:pickyassist_webhooks_chatmessage_change", args=[answer.pk])
    assert "ORD-1" not in viewer.get(page).content.decode()
    assert "ORD-1" not in conversation(login("view_chatmessage"), number="15550001111")


def test_no_message_of_one_moment_is_left_out(client, monkeypatch):
    """Neither those of one request, nor those whose rows were stored later."""
    monkeypatch.setattr("pickyassist_webhooks.admin.chat.MAX_MESSAGES", 3)
    post(delivery(row("late", push_id="late")))
    post(delivery(*(row(f"M{number}", push_id=f"P{number}") for number in range(3))))
    for number in range(2):
        post(chat(f"8800{number}"))
    moment = timezone.now() - timedelta(days=1)
    Message.objects.filter(msg_id="late").update(first_reported_at=moment)
    page, shown = conversation(client), []
    while True:
        shown += re.findall(r"push (\w+)<", page)
        earlier = re.findall(r'<a href="([^"]+)" rel="prev">', page)
        if not earlier:
            break
        page = client.get(unescape(earlier[0])).content.decode()
    assert sorted(shown) == ["P0", "P1", "P2", "late"]


class TestMessengerAccount:
    ID = "7000000000001"

    @pytest.fixture
    def message(self):
        post(chat("1", number="", messenger_id=self.ID))
        post(chat("2", number="", messenger_id="7000000000002"))
        return ChatMessage.objects.get(messenger_id=self.ID)

    def listed(self, client, **query):
        return client.get(reverse("admin:pickyassist_webhooks_chatmessage_changelist"), query)

    def test_is_listed_and_found(self, client, message):
        page = self.listed(client, q=self.ID)
        assert list(page.context["cl"].result_list) == [message]
        assert page.content.decode().count(f">{self.ID}<") == 1

    def test_no_one(self, login):
        post(chat("1", number=""))
        page = self.listed(login("view_chatmessage"))
        assert '<td class="field-person_shown">-</td>' in page.content.decode()

    def test_is_personal(self, login, message):
        viewer = login("view_chatmessage")
        assert not self.listed(viewer, q=self.ID).context["cl"].result_list
        assert self.ID not in self.listed(viewer).content.decode()

    def test_is_erased(self, client, message):
        chosen = {"action": "erase_numbers", "_selected_action": [message.pk]}
        url = reverse("admin:pickyassist_webhooks_chatmessage_changelist")
        assert f"<td>{self.ID}</td>" in client.post(url, chosen).content.decode()
        client.post(url, chosen | {"erase": "yes"})
        assert [message.messenger_id for message in ChatMessage.objects.all()] == ["7000000000002"]

    def test_is_not_erased_if_it_may_hit_a_number(self, client):
        post(chat("1", number="", messenger_id="ig_15550001111"))
        post(chat("2", number="15550001111"))
        chosen = {"action": "erase_numbers", "_selected_action": [ChatMessage.objects.first().pk]}
        url = reverse("admin:pickyassist_webhooks_chatmessage_changelist")
        answer = client.post(url, chosen | {"erase": "yes"}, follow=True)
        assert "Select rows of 1 to 10 phone numbers." in answer.content.decode()
        assert ChatMessage.objects.count() == 2

    def test_stays_hidden(self, login, message):
        viewer = login("view_chatmessage", "erase_personal_data")
        chosen = {"action": "erase_numbers", "_selected_action": [message.pk]}
        url = reverse("admin:pickyassist_webhooks_chatmessage_changelist")
        answer = viewer.post(url, chosen, follow=True).content.decode()
        assert "Select rows of 1 to 10 phone numbers." in answer
        assert self.ID[-3:] not in answer


def test_a_conversation_with_many_messages_of_the_api_shows_the_newest(client, monkeypatch):
    monkeypatch.setattr("pickyassist_webhooks.admin.chat.MAX_MESSAGES", 3)
    post(chat("88000"))
    post(chat("88001"))
    for number in range(4):
        post(delivery(row(f"M{number}", push_id=f"70000{number}")))
    page = conversation(client)
    assert "Messages: 6" in page
    assert "The newest 3 are shown." in page
    assert "text of 88001" not in page
    assert ["push 700001" in page, "push 700003" in page] == [True, True]
    assert "push 700000" not in page


@pytest.mark.parametrize("view", ["changelist", "change"])
def test_pages(view, client, talk):
    arguments = [ChatMessage.objects.first().pk] if view == "change" else []
    response = client.get(reverse(f"admin:pickyassist_webhooks_chatmessage_{view}", args=arguments))
    assert response.status_code == 200


def test_media_is_a_link_only_if_it_is_https(client):
    for media in ("javascript:alert(1)", "https://cdn.example.org/a.jpeg"):
        post(chat_message(number="15550001111", media_url=media, type=2))
    message = ChatMessage.objects.first()
    url = reverse("admin:pickyassist_webhooks_chatmessage_conversation", args=[message.pk])
    page = client.get(url).content.decode()
    assert 'href="https://cdn.example.org/a.jpeg"' in page
    assert 'href="javascript' not in page
    assert "<img" not in page


def test_the_api_lists_a_conversation(client, talk):
    rows = client.get("/api/numbers/+1 555 000 1111/conversation/").json()["results"]
    assert [row["text"] for row in rows][::-1] in (
        ["<b>yes</b>", "On our way"],
        ["On our way", "<b>yes</b>"],
    )
    assert len(client.get("/api/chat-messages/?number=15550002222").json()["results"]) == 1


def test_erasing_a_person_leaves_no_trace_of_their_conversation(talk):
    post(chat_message(number="15550002222", contact=[{"phone": "+1 555 000 1111"}]))
    post(chat_message(number="15550002222", group_mentions=["15550001111"], group_id="A"))
    Erasure(Number("15550001111")).carry_out("operator")
    assert not ChatMessage.objects.filter(number="15550001111").exists()
    assert ChatMessage.objects.filter(number="15550002222").count() == 3
    assert not ChatMessage.objects.exclude(contacts=[]).exists()
    assert not ChatMessage.objects.exclude(mentions=[]).exists()
    assert Erasure(Number("15550001111")).find() == {}
    for request in WebhookRequest.objects.all():
        assert b"15550001111" not in bytes(request.body)


def test_erasing_a_messenger_id():
    post(chat_message(number="", messenger_id="7000000000001"))
    post(chat_message(number="", messenger_id="7000000000002"))
    Erasure(Number("7000000000001")).carry_out("operator")
    assert ChatMessage.objects.get().messenger_id == "7000000000002"
