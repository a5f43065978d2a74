"""The plan of a batch, decided without a database."""

from __future__ import annotations

import json

import pytest
from django.utils import timezone

from pickyassist_webhooks.bulk.plan import Change, Insert
from pickyassist_webhooks.inbox.decide import decide, rows_of
from pickyassist_webhooks.inbox.look import Recorded
from pickyassist_webhooks.models import ChatMessage, DeliveryReport, Message, WebhookRequest
from pickyassist_webhooks.parsing.payloads import parse
from tests.requests import chat, delivery, filtered, row


def decided(*bodies, recorded=()):
    requests = [
        WebhookRequest(pk=pk, received_at=timezone.now(), claimed_by="me", error="an old one")
        for pk in range(1, len(bodies) + 1)
    ]
    payloads = [parse(json.dumps(body).encode()) for body in bodies]
    rows = rows_of(requests, payloads)
    plan, results = decide(
        requests, payloads, rows, {model: Recorded() for model in rows} | dict(recorded)
    )
    return requests, plan, results


def test_the_columns_of_a_request():
    invalid = row("M1", "none of them")
    fine = row("M2", 1) | {"source": True}
    _, _, [result] = decided(delivery(*[invalid] * 1001, fine, fine))
    times = {name: result.changes.pop(name) for name in ("processed_at", "due_at", "finished_at")}
    assert times["processed_at"] == times["finished_at"] < times["due_at"]
    assert len(result.changes.pop("problems")) == 1000
    paths = [each["path"] for each in result.changes.pop("warnings")]
    assert paths == ["data[1001].source", "data[1002].source"]
    assert result.changes == {
        "kind": "delivery_report",
        "state": "done",
        "problem": "not_an_integer data[].status",
        "event_count": 1,
        "repeat_count": 1,
        "problem_count": 1001,
        "error": "",
        "claimed_by": "",
    }


def test_a_request_whose_signals_are_sent_is_not_finished(listen):
    listen("delivery_received")
    listen("webhook_quarantined")
    _, _, results = decided(delivery(row("1")), delivery(row("1")), delivery(row("2", "?")))
    states = [(each.changes["state"], "finished_at" in each.changes) for each in results]
    assert states == [("stored", False), ("done", True), ("stored", False)]


def test_an_event_or_a_repeat_makes_a_request_valid():
    invalid = row("2", "?")
    _, _, results = decided(delivery(row("1"), invalid), delivery(row("1"), invalid))
    names = ("event_count", "repeat_count", "problem_count", "state")
    found = [tuple(result.changes[name] for name in names) for result in results]
    assert found == [(1, 0, 1, "done"), (0, 1, 1, "done")]


def test_each_request_has_its_payload():
    [request], _, _ = decided(filtered())
    with pytest.raises(ValueError, match="shorter"):
        rows_of([request], [])
    with pytest.raises(ValueError, match="shorter"):
        decide([request], [], {}, {})


def test_requests_that_change_alike_share_an_update():
    requests, plan, _ = decided(delivery(row("1")), filtered(), delivery(row("2")))
    updates = [step.rows for step in plan if isinstance(step, Change)]
    assert updates == [[requests[0], requests[2]], [requests[1]]]


def test_reports_of_one_message():
    reports = [row("M1", 4), row("M1", 2), row("M1", 4, reference_number="ORD-1")]
    _, plan, [result] = decided(delivery(*reports))
    assert [(each.status, each.previous_status) for each in result.events] == [(4, None), (2, 4)]
    assert result.events[0].reference_number == "ORD-1"
    rows = [len(step.rows) for step in plan if isinstance(step, Insert)]
    assert rows == [1, 2]


def test_a_chat_message_answers_one_that_is_reported_in_the_same_batch():
    earlier = Message(key="4100:M0")
    of_chat = Recorded(messages={earlier.key: earlier})
    _, _, results = decided(
        delivery(row("M1", 1)), chat(context_msg_id="M1"), recorded={ChatMessage: of_chat}.items()
    )
    answered = results[1].messages
    assert answered[earlier.key] is earlier
    assert answered[results[1].events[0].message_key].msg_id == "M1"
    assert earlier.key not in results[0].messages
    only_chat = decided(chat(context_msg_id="M1"))[2]
    assert only_chat[0].messages == {}
    assert DeliveryReport not in {type(event) for event in only_chat[0].events}
