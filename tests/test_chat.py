"""Chat messages of the Global Webhook: repeats, signals, answers, conversations."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.utils import timezone

from pickyassist_webhooks import ingest
from pickyassist_webhooks.inbox.sweep import sweep
from pickyassist_webhooks.models import ChatMessage, Message, WebhookRequest
from pickyassist_webhooks.parsing.chat import MAX_REPAIRED, decoded
from pickyassist_webhooks.pushes import record_push
from pickyassist_webhooks.testing import capture_events, push_answer
from tests.cases import CONVERSATIONS
from tests.requests import chat, delivery, keep, post, row
from tests.sequences import Clock, check_sequence, named
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)


@named(CONVERSATIONS)
def test_sequence(case, monkeypatch, listen):
    clock, expect = Clock(monkeypatch), case["expect"]
    heard = {name: listen(name) for name in ("message_received", "message_sent")}
    for step in case["steps"]:
        clock.set(step["at"])
        assert post(step["body"]).status_code == 200
    check_sequence(expect)
    for key, fields in expect.get("rows", {}).items():
        project_id, unique_id, direction = key.split("|")
        message = ChatMessage.objects.get(
            project_id=project_id, unique_id=unique_id, direction=direction
        )
        assert {name: getattr(message, name) for name in fields} == fields
    for key, count in expect.get("replies", {}).items():
        project_id, msg_id = key.split("|")
        assert Message.objects.get(project_id=project_id, msg_id=msg_id).replies().count() == count
    for key, texts in expect.get("conversation", {}).items():
        project_id, _, number = key.rpartition("|")
        messages = ChatMessage.objects.conversation(number, project_id or None)
        assert [message.text for message in messages] == texts
    for name, count in expect.get("signals", {}).items():
        assert len(heard[name]) == count
    for unique_id, reference in expect.get("answers", {}).items():
        [call] = [c for c in heard["message_received"] if c["event"].unique_id == unique_id]
        assert call["answers"].reference_number == reference
    for request in WebhookRequest.objects.all():
        ingest.replay(request.pk)
    check_sequence(expect)


def test_a_reply_finds_its_message_after_a_crash(listen):
    post(delivery(row("900001", reference_number="ORD-1")))
    heard = listen("message_received")
    post(chat(context_msg_id="900001"))
    post(chat("88002", context_msg_id="unknown"))
    ingest.replay(WebhookRequest.objects.latest("pk").pk - 1)
    references = [call["answers"] and call["answers"].reference_number for call in heard]
    assert references == ["ORD-1", None, "ORD-1"]


def test_a_reply_finds_a_message_that_is_reported_in_the_same_batch(listen):
    heard = listen("message_received")
    for body in (
        delivery(row("900001", reference_number="ORD-1")),
        chat("88001", context_msg_id="900001"),
        chat("88002", context_msg_id="900002"),
        delivery(row("900001", 3), row("900002", reference_number="ORD-2")),
    ):
        keep(body)
    sweep()
    answers = {call["event"].unique_id: call["answers"] for call in heard}
    assert {name: message.reference_number for name, message in answers.items()} == {
        "88001": "ORD-1",
        "88002": "ORD-2",
    }
    assert {message.pk for message in answers.values()} == {m.pk for m in Message.objects.all()}
    assert answers["88001"].status == 3


def test_a_reply_finds_a_recorded_push_without_any_report(listen):
    heard = listen("message_received")
    answer = push_answer({"msg_id": "900001", "number": "15550001111"})
    push = record_push(answer, project_id="4100", references="ORD-1")
    post(chat(context_msg_id="900001"))
    [message] = push.messages()
    assert [call["answers"] for call in heard] == [message]
    assert (message.status, heard[0]["answers"].reference_number) == (-1, "ORD-1")
    assert [reply.unique_id for reply in message.replies()] == ["88001"]


def test_without_an_id_each_request_is_a_message_of_its_own():
    for _ in range(2):
        post(chat(""))
    assert ChatMessage.objects.count() == 2
    for request in WebhookRequest.objects.all():
        assert ingest.replay(request.pk).event_count == 1
    assert ChatMessage.objects.count() == 2


@pytest.mark.parametrize(
    ("encoded", "text"),
    [
        ("a+b%2Bc", "a b+c"),
        ("100%+sure", "100% sure"),
        ("caf%E9+%C3%A9", "caf%E9 é"),
        ("%e9%c3%a9%e9x", "%e9é%e9x"),
        ("%F0%9F%98%80%f0%9f", "😀%f0%9f"),
        ("%", "%"),
    ],
)
def test_escapes_are_decoded_once(encoded, text):
    assert decoded(encoded) == text


def test_a_huge_text_is_decoded_if_all_of_it_is_utf_8():
    valid = "a+%C3%A9" * (MAX_REPAIRED // 8)
    assert decoded(valid + "+b") == "a é" * (MAX_REPAIRED // 8) + " b"
    assert decoded(valid + "+%ff") == valid + "+%ff"


@pytest.mark.parametrize(
    ("spelled", "other"), [("Message-In-Raw", "message_in_raw"), ("UNIQUE_ID", "unique-id")]
)
def test_names_are_read_in_any_spelling(spelled, other):
    payload = {spelled if name == other else name: value for name, value in chat().items()}
    assert post(payload).json()["accepted"] == 1
    message = ChatMessage.objects.get()
    assert (message.text, message.unique_id, message.extra) == ("text of 88001", "88001", {})


def test_a_form_is_decoded_once(client):
    body = b"number=15550001111&message-in=1%2B1%252&unique-id=88001&project-id=4100"
    assert post(body, content_type="application/x-www-form-urlencoded").json()["accepted"] == 1
    assert ChatMessage.objects.get().text == "1+1%2"


def test_a_richer_repeat_recomputes_the_content():
    post(chat(type="1"))
    post(chat(type="1", location=json.loads('{"lat": 1}')))
    assert ChatMessage.objects.get().content == "location"


@pytest.mark.parametrize("location", [None, {}, {"lat": 1.5}])
@pytest.mark.parametrize("contacts", [[], [{}], [{"phone": None}], ["x"]])
def test_objects_and_lists_are_stored_as_sent(location, contacts):
    for _ in range(2):  # inserted, then updated
        post(chat(location=location, contact=contacts, group_mentions=contacts))
        post(chat(name="Ada", type="1"))
    message = ChatMessage.objects.get()
    assert (message.location, message.contacts, message.mentions) == (location, contacts, contacts)
    assert message.extra == {}


def test_a_storm_of_retries_leaves_each_message_once(listen):
    """Each request five times, two at once, its id as text and as a number."""
    heard = [listen(name) for name in ("message_received", "message_sent")]
    for number in range(88001, 88006):
        for direction in (0, 1):
            for _ in range(2):
                at_once(
                    lambda n=number, d=direction: post(chat(str(n), direction=d)),
                    lambda n=number, d=direction: post(chat(n, direction=str(d))),
                )
            post(chat(f" {number} ", direction=f" {direction} "))
    WebhookRequest.objects.unfinished().update(due_at="2000-01-01T00:00:00Z")
    sweep()
    assert ChatMessage.objects.count() == 10
    assert WebhookRequest.objects.filter(state="done").count() == 50
    keys = [{call["event"].key for call in calls} for calls in heard]
    assert [len(calls) for calls in heard] == list(map(len, keys)) == [5, 5]


def test_a_sent_message_has_its_own_signal(listen):
    post(delivery(row("900001", reference_number="ORD-1")))
    heard = {name: listen(name) for name in ("message_received", "message_sent")}
    post(chat("1", direction=1, context_msg_id="900001"))
    post(chat("2", direction=2, context_msg_id="900001"))
    [call] = heard["message_sent"]
    assert set(call) == {"request", "is_replay", "event", "answers"}
    assert (call["event"].unique_id, call["answers"].reference_number) == ("1", "ORD-1")
    assert not heard["message_received"]


def test_the_message_of_another_project_is_not_answered(listen):
    post(delivery(row("900001"), project_id="other"))
    heard = listen("message_received")
    post(chat(context_msg_id="900001"))
    assert [call["answers"] for call in heard] == [None]
    assert not Message.objects.get().replies().exists()


def test_replies_are_found_when_the_report_comes_later():
    post(chat("1", context_msg_id="900001"))
    post(delivery(row("900001")))
    post(chat("2", context_msg_id="900001"))
    replies = Message.objects.get().replies()
    assert [reply.unique_id for reply in replies] == ["1", "2"]


def test_a_conversation_takes_any_writing_of_a_number():
    post(chat("1"))
    post(chat("2", direction=1, number="+1 (555) 000-1111"))
    post(chat("3", group_id="A41", number="Team @Ada / 15550001111"))
    post(chat("4", project_id="other"))
    post(chat("5", number="5550001111"))
    talk = ChatMessage.objects.conversation
    assert [message.unique_id for message in talk("+1 555 000 1111")] == ["1", "2", "4"]
    assert [message.unique_id for message in talk("15550001111", "4100")] == ["1", "2"]
    post(chat("6", number="Ada Example"))
    assert [message.unique_id for message in talk("Ada Example")] == ["6"]


def test_pruning_includes_chat_messages(settings):
    settings.PICKYASSIST_WEBHOOKS = settings.PICKYASSIST_WEBHOOKS | {
        "RETENTION_DAYS": {"bodies": 1, "events": 1}
    }
    post(chat("1"))
    post(chat("2"))
    old = timezone.now() - timedelta(days=2)
    ChatMessage.objects.filter(unique_id="1").update(received_at=old)
    call_command("pickyassist_prune", interactive=False, stdout=StringIO())
    assert ChatMessage.objects.get().unique_id == "2"


def test_captured_events_have_the_answered_message():
    with capture_events() as captured:
        post(delivery(row("900001", reference_number="ORD-1")))
        post(chat(context_msg_id="900001"))
    [call] = captured.named("message_received")
    assert call.answers.reference_number == "ORD-1"
    assert call.event in captured.events
