"""Conversations in numbers, on the overview and in the statistics of the API."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from pickyassist_webhooks import ingest
from pickyassist_webhooks.insights import overview
from pickyassist_webhooks.insights.conversations import Conversations, conversations
from pickyassist_webhooks.models import ChatMessage
from tests.pages import Page
from tests.requests import chat, delivery, keep, member, row

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.urls_api")]

PAGE = reverse("admin:app_list", args=["pickyassist_webhooks"])
START = timezone.now() - timedelta(days=2)


def come(second, payload):
    ingest.process(keep(payload, received_at=START + timedelta(seconds=second)).pk)


def since(days=7):
    return overview.latest_days(days)[0]


def conversations_since(days=7):
    counts = overview.counts(since(days), [ChatMessage].__contains__)
    return conversations(since(days), counts.directions)


@pytest.fixture
def talk():
    come(0, chat("1"))
    come(10, chat("2"))  # the same question
    come(60, chat("3", direction=1))
    come(70, chat("4", direction=1))  # answers nothing
    come(100, chat("5", number="15550002222"))
    come(130, delivery(row(number="+1 555 000 2222")))  # sent by the API
    come(200, chat("6", number="15550003333"))  # not answered
    come(300, chat("7", number="", messenger_id="7000000000001"))
    come(310, chat("8", number="", messenger_id="7000000000001", direction=1))
    come(400, chat("9", group_id="A41"))
    come(500, chat("10", direction=7))


def test_a_question_is_answered_by_the_phone_or_the_api(talk):
    assert conversations_since() == Conversations(
        received=6, sent=3, questions=4, answered=3, time_to_answer=timedelta(seconds=30)
    )
    assert conversations_since(1) == Conversations(0, 0, 0, 0, None)


@pytest.mark.parametrize("status", ["2", "5"])
def test_a_message_that_failed_is_no_answer(status):
    come(0, chat("1", number="15550002222"))
    come(10, delivery(row("failed", status, number="15550002222")))
    assert conversations_since().answered == 0
    come(20, delivery(row("another", "1", number="15550002222")))
    assert conversations_since().seconds_to_answer == 20


def test_the_oldest_messages_are_read_if_not_all_are(monkeypatch):
    monkeypatch.setattr("pickyassist_webhooks.insights.conversations.MAX_SENT", 1)
    come(0, chat("1", number="15550002222"))
    for number in (3, 1, 2):
        come(10 * number, delivery(row(str(number), "1", number="15550002222")))
    assert conversations_since().seconds_to_answer == 10


def test_an_answer_belongs_to_its_project():
    come(0, chat("1"))
    come(10, chat("2", direction=1, project_id="other"))
    talk = conversations_since()
    assert (talk.questions, talk.answered, talk.seconds_to_answer) == (1, 0, None)


def test_only_the_newest_messages_have_questions(monkeypatch):
    monkeypatch.setattr("pickyassist_webhooks.insights.conversations.SAMPLE", 2)
    for second in range(4):
        come(second, chat(str(second), number=f"1555000{second}"))
    assert conversations_since().questions == 2


def test_costs_the_same_for_any_number_of_messages():
    counts = []
    for number in (1, 30):
        for index in range(number):
            come(index, chat(f"{number}-{index}", number=f"1555000{index}"))
        with CaptureQueriesContext(connection) as queries:
            conversations_since()
        counts.append(len(queries))
    assert counts == [3, 3]


def test_on_the_overview(talk, root):
    page = Page(root.get(PAGE, {"days": 7}))
    for cells in ("Received6", "Sent from a phone3", "Answered3 of 4"):
        assert page.has(cells)
    assert page.has("Time to the first answer (median)30.0 s")
    come(-20 * 24 * 3600, chat("before"))
    come(-20 * 24 * 3600, chat("answered before", direction=1))
    links = [link for link in page.links if "direction__exact" in link]
    assert [root.get(link).context["cl"].result_count for link in links] == [6, 3]


def test_not_without_permission(talk, login):
    assert "Time to the first answer" not in Page(login("view_message").get(PAGE)).text


def test_not_if_no_one_writes(root):
    come(0, member())
    assert "Time to the first answer" not in Page(root.get(PAGE)).text


def test_in_the_api(talk, login):
    url = reverse("pickyassist_webhooks_api:stats")
    numbers = login("view_chatmessage").get(url, {"days": 7}).json()
    assert numbers["conversations"] == {
        **{"received": 6, "sent": 3, "questions": 4, "answered": 3},
        "seconds_to_answer": 30.0,
    }
    assert login("view_message").get(url).json()["conversations"] is None
