"""Concurrent workers: real connections, real locks, the same result in any order."""

from __future__ import annotations

from collections import Counter
from functools import partial
from threading import Thread

import pytest
from django.db import connection, connections

from pickyassist_webhooks import transactions
from pickyassist_webhooks.inbox.sweep import sweep
from pickyassist_webhooks.models import (
    ChatMessage,
    DeliveryReport,
    FilterReport,
    GroupMemberEvent,
    Message,
    NewSubscriber,
    WebhookRequest,
)
from tests.requests import chat, delivery, filtered, keep, member, post, row, subscriber
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)

WORKERS = 8


def finish():
    """Process the requests that lost their races, as the sweep does."""
    WebhookRequest.objects.unfinished().update(due_at="2000-01-01T00:00:00Z")
    sweep()
    assert set(WebhookRequest.objects.values_list("state", flat=True)) == {"done"}


@pytest.mark.parametrize(
    ("payload", "model"),
    [
        (delivery(row("1"), row("2")), DeliveryReport),
        (delivery(row("", "1")), DeliveryReport),
        (filtered(row("1"), row("2")), FilterReport),
        (member(), GroupMemberEvent),
        (subscriber(), NewSubscriber),
        (chat(), ChatMessage),
    ],
)
def test_identical_requests(payload, model):
    answers = at_once(*[lambda: post(payload)] * WORKERS)
    assert [answer.status_code for answer in answers] == [200] * WORKERS
    finish()
    events = len(payload.get("data", [payload]))
    assert model.objects.count() == events
    counted = WebhookRequest.objects.values_list("event_count", "repeat_count")
    assert sorted(counted) == [(0, events)] * (WORKERS - 1) + [(events, 0)]


def test_overlapping_batches_in_opposite_order():
    rows = [row(f"m{number}", "1") for number in range(200)]
    batches = [delivery(*rows), delivery(*rows[::-1])] * (WORKERS // 2)
    answers = at_once(*[lambda batch=batch: post(batch) for batch in batches])
    assert [answer.status_code for answer in answers] == [200] * WORKERS
    finish()
    assert DeliveryReport.objects.count() == Message.objects.count() == 200


def test_statuses_of_one_message():
    statuses = [4, 1, 3, 2, 5, 0, 9, 77]
    at_once(*[lambda status=status: post(delivery(row("1", status))) for status in statuses])
    finish()
    message = Message.objects.get()
    assert (message.status, message.conflict) == (3, True)
    assert DeliveryReport.objects.count() == len(statuses)
    rises = [report.status for report in DeliveryReport.objects.all() if report.raised_status]
    assert 3 in rises


def test_another_worker_between_the_look_and_the_write():
    """It changes the message; a worker that holds locks lets it wait instead."""

    def other():
        try:
            post(delivery(row("1", 3)))
        finally:
            connections.close_all()

    def interleave(execute, sql, *rest):
        if sql.startswith(("WITH", "INSERT")) and not threads:
            threads.append(Thread(target=other))
            threads[0].start()
            threads[0].join(0.5)
        writes.append(sql.startswith("WITH"))
        return execute(sql, *rest)

    post(delivery(row("1", 0)))
    threads, writes = [], []
    with connection.execute_wrapper(interleave):
        assert post(delivery(row("1", 1))).json()["state"] == "done"
    threads[0].join()
    finish()
    assert Message.objects.get().status == 3
    rises = {r.status: r.previous_status for r in DeliveryReport.objects.all() if r.raised_status}
    assert rises in ({0: None, 1: 0, 3: 1}, {0: None, 3: 0})
    if connection.vendor == "postgresql":  # it wrote in vain, and then again
        assert sum(writes) == 2


def test_workers_share_the_sweep():
    for number in range(30):
        keep(b'{"event_id":1,"data":[{"msg_id":"m%d","status":1}]}' % number)
    swept = at_once(*[sweep] * 4)
    assert sum(states["done"] for states in swept) == 30
    assert DeliveryReport.objects.count() == 30
    assert set(WebhookRequest.objects.values_list("attempts", flat=True)) == {1}


@pytest.fixture
def serializable(monkeypatch):
    """Make new connections run their transactions as SERIALIZABLE."""
    level = {"postgresql": 4, "mysql": "serializable"}
    options = connections.settings["default"]["OPTIONS"]
    if connection.vendor in level:  # SQLite knows nothing else
        monkeypatch.setitem(options, "isolation_level", level[connection.vendor])


def test_serializable_transactions_leave_nothing_to_the_sweep(serializable, listen, monkeypatch):
    """A worker that lost a race does not lose the next ones, too."""
    monkeypatch.setattr(transactions, "MAX_RACES", 3)
    listen("delivery_received")

    def post_all(worker):
        return [
            post(delivery(*[row(f"m{number}", status) for number in range(worker, worker + 4)]))
            for status in range(10, 30)
        ]

    answers = at_once(*[partial(post_all, worker) for worker in range(WORKERS)])
    states = Counter(answer.json()["state"] for each in answers for answer in each)
    assert states == {"done": 20 * WORKERS}


def test_serializable_transactions_keep_every_request(serializable, listen):
    listen("delivery_received")

    def post_all(worker):
        return [post(delivery(row(f"{worker} {n}"))).status_code for n in range(80)]

    answers = at_once(*[partial(post_all, worker) for worker in range(WORKERS)])
    assert Counter(status for each in answers for status in each) == {200: 80 * WORKERS}
    assert WebhookRequest.objects.count() == 80 * WORKERS
