"""Pruning: bodies and events each have their own age, and some rows always stay."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.db.models import Q
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from pickyassist_webhooks.choices import RequestState
from pickyassist_webhooks.management import stopping
from pickyassist_webhooks.models import (
    MODELS,
    DeliveryReport,
    Message,
    Push,
    ReceiverFailure,
    WebhookRequest,
)
from pickyassist_webhooks.models.moments import later
from pickyassist_webhooks.models.requests import worker
from pickyassist_webhooks.privacy import retention
from pickyassist_webhooks.pushes import record_push
from pickyassist_webhooks.testing import push_answer
from tests.requests import chat, delivery, filtered, keep, member, post, row, subscriber

pytestmark = pytest.mark.django_db(transaction=True)

ALL = {"bodies": 10, "events": 20}


@pytest.fixture(autouse=True)
def days(settings):
    def days(**retention_days):
        ours = settings.PICKYASSIST_WEBHOOKS
        settings.PICKYASSIST_WEBHOOKS = ours | {"RETENTION_DAYS": retention_days}

    days(**ALL)
    return days


def prune(*args, **options):
    output = StringIO()
    call_command("pickyassist_prune", *args, stdout=output, **options)
    return output.getvalue()


def counts():
    return [WebhookRequest.objects.count(), *(model.objects.count() for model in MODELS.values())]


def post_all(suffix=""):
    post(delivery(row(f"1{suffix}"), row(f"2{suffix}")))
    post(filtered(row(f"3{suffix}")))
    post(member(group_id=f"A{suffix}"))
    post(subscriber(subscriber_id=f"Z{suffix}"))
    post(chat(f"C{suffix}"))


def test_two_clocks(clock):
    post_all()
    clock.advance(days=9)
    post_all("new")
    assert counts() == [10, 4, 2, 2, 2, 2]
    clock.advance(days=2)

    assert "5 webhook requests, 0 delivery reports" in prune()
    assert counts() == [5, 4, 2, 2, 2, 2]
    assert DeliveryReport.objects.filter(request=None).count() == 2
    assert DeliveryReport.objects.exclude(request=None).count() == 2

    clock.advance(days=10)
    prune()
    assert counts() == [0, 2, 1, 1, 1, 1]
    assert list(Message.objects.order_by("msg_id").values_list("msg_id", flat=True)) == [
        "1new",
        "2new",
    ]


def test_events_only(clock, days):
    days(events=5)
    post_all()
    clock.advance(days=6)
    prune()
    assert counts() == [5, 0, 0, 0, 0, 0]
    assert not Message.objects.exists()


@pytest.mark.parametrize("states", [[], ["quarantined"], ["dead"], ["quarantined", "dead"]])
def test_what_waits_for_a_person_goes_only_if_asked(states, clock):
    rows = {state: keep(delivery(row(state))) for state in RequestState.values}
    for state, request in rows.items():
        WebhookRequest.objects.filter(pk=request.pk).update(state=state)
    clock.advance(days=11)
    prune(*(f"--{state}" for state in states))
    stayed = {"received", "stored", "failing", "quarantined", "dead"} - set(states)
    assert set(WebhookRequest.objects.values_list("state", flat=True)) == stayed


def test_a_request_that_a_worker_holds_stays(clock):
    post(delivery())
    clock.advance(days=11)
    held = {"claimed_by": "another", "due_at": timezone.now() + timedelta(seconds=30)}
    WebhookRequest.objects.update(**held)
    assert json.loads(prune("--json"))["found"]["WebhookRequest"] == 0
    clock.advance(minutes=1)  # it was lost, long after the request was done
    assert json.loads(prune("--json"))["pruned"]["WebhookRequest"] == 1


def test_a_request_taken_up_since_it_was_chosen_stays(clock):
    post(delivery())
    clock.advance(days=11)
    [chosen, *_] = retention.prunable()
    assert chosen.count() == 1
    WebhookRequest.objects.update(state=RequestState.RECEIVED)
    assert retention.delete(chosen, Q(pk__gt=0)) == 0
    assert WebhookRequest.objects.get().claimed_by == ""


def test_what_was_left_claimed_by_this_very_thread_stays(clock):
    post(delivery())
    keep(delivery(row("2")))
    WebhookRequest.objects.filter(state=RequestState.RECEIVED).update(claimed_by=worker())
    post(b"[]")
    WebhookRequest.objects.filter(state=RequestState.QUARANTINED).update(claimed_by=worker())
    post(delivery(row("3")))
    clock.advance(days=11)
    assert json.loads(prune("--json"))["pruned"]["WebhookRequest"] == 2
    assert set(WebhookRequest.objects.values_list("state", flat=True)) == {
        "received",
        "quarantined",
    }


def test_events_of_a_request_in_work_stay(clock, days):
    days(events=5)
    post(delivery(row("1")))
    post(delivery(row("2")))
    request = WebhookRequest.objects.last()
    WebhookRequest.objects.filter(pk=request.pk).update(state=RequestState.FAILING)
    clock.advance(days=6)
    prune()
    assert DeliveryReport.objects.get().msg_id == "2"
    assert Message.objects.get().msg_id == "2"


def test_a_message_stays_as_long_as_one_of_its_reports(clock, days):
    days(events=5)
    post(delivery(row("1", "3")))
    clock.advance(days=4)
    post(delivery(row("1", "4")))  # which changes nothing: it was read
    clock.advance(days=2)
    output = json.loads(prune("--json"))
    assert (output["pruned"]["DeliveryReport"], output["pruned"]["Message"]) == (1, 0)
    assert Message.objects.get().reports().count() == 1
    clock.advance(days=4)
    prune()
    assert not Message.objects.exists()


def test_an_open_push_goes_after_it_would_be_given_up(clock, days, settings):
    settings.PICKYASSIST_WEBHOOKS = settings.PICKYASSIST_WEBHOOKS | {"RECONCILE_DAYS": 8}
    days(events=5)
    push = record_push(push_answer(), project_id="4100")
    clock.advance(days=7)
    prune()
    assert Push.objects.count() == 1
    Push.objects.update(state="settled")
    assert json.loads(prune("--json", "--dry-run"))["found"]["Push"] == 1
    Push.objects.update(state="open")
    clock.advance(days=1.5)
    prune()
    assert Push.objects.count() == 1
    clock.advance(days=1)
    Push.objects.update(claimed_by="worker", due_at=later(timezone.now(), timedelta(minutes=1)))
    prune()
    assert Push.objects.count() == 1
    Push.objects.filter(pk=push.pk).update(claimed_by="")
    prune()
    assert not Push.objects.exists()


def test_failures_go_with_their_request(listen, clock):
    def broken(**named):
        raise ValueError

    listen("member_joined", broken)
    post(member())
    WebhookRequest.objects.update(state=RequestState.DEAD)
    assert ReceiverFailure.objects.count() == 1
    clock.advance(days=11)
    prune("--dead")
    assert not ReceiverFailure.objects.exists()


def test_dry_run_counts_what_would_go(clock):
    post_all()
    clock.advance(days=21)
    output = json.loads(prune("--dry-run", "--json"))
    assert output["found"] == {
        "WebhookRequest": 5,
        "DeliveryReport": 2,
        "FilterReport": 1,
        "GroupMemberEvent": 1,
        "NewSubscriber": 1,
        "ChatMessage": 1,
        "Message": 2,
        "Push": 0,
    }
    assert set(output["pruned"].values()) == {0}
    assert (output["dry_run"], output["finished"]) == (True, False)
    assert "older than RETENTION_DAYS allows\n" in prune("--dry-run")
    assert counts() == [5, 2, 1, 1, 1, 1]
    assert json.loads(prune("--json"))["pruned"] == output["found"]


def test_chunks(clock, monkeypatch, days):
    days(bodies=10)
    monkeypatch.setattr(retention, "CHUNK", 10)
    requests = WebhookRequest.objects
    new = [requests.new(b"x" * 1000, state=RequestState.DONE) for _ in range(25)]
    requests.bulk_create(new)
    clock.advance(days=11)
    [rows] = retention.prunable()
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert list(retention.prune(rows, lambda: False)) == [10, 10, 5]
    assert list(retention.prune(rows, lambda: False)) == []
    assert not any(
        "body" in query["sql"].partition("FROM")[0] for query in queries if "SELECT" in query["sql"]
    )


def test_somebody_else_is_faster(clock, days, monkeypatch):
    monkeypatch.setattr(retention, "CHUNK", 2)
    days(bodies=10)
    for number in range(4):
        post(delivery(row(str(number))))
    clock.advance(days=11)
    [rows] = retention.prunable()
    pruning = retention.prune(rows, lambda: False)
    assert next(pruning) == 2
    WebhookRequest.objects.all().delete()
    assert list(pruning) == []


def test_max_seconds(clock, monkeypatch):
    monkeypatch.setattr(retention, "CHUNK", 1)
    post_all()
    clock.advance(days=21)
    now = iter(range(100))
    monkeypatch.setattr(stopping.time, "monotonic", lambda: next(now))
    text = prune("--max-seconds", "6")
    assert "run this again for the rest" in text
    assert 0 < sum(counts()) < 11


def test_the_time_to_answer_does_not_count(clock, monkeypatch):
    monkeypatch.setattr(retention, "CHUNK", 1)
    post_all()
    clock.advance(days=21)
    now = [0.0]
    monkeypatch.setattr(stopping.time, "monotonic", lambda: now[0])
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda text: now.append(now.pop() + 60) or "y")
    assert "run this again" not in prune("--max-seconds", "6")
    assert sum(counts()) == 0


def test_nothing_to_prune(days):
    post_all()
    assert json.loads(prune("--json"))["finished"] is True
    assert "pruned" not in prune()
    days()
    with pytest.raises(CommandError, match="everything is kept"):
        prune()


def test_a_person_is_asked(clock, monkeypatch):
    post_all()
    clock.advance(days=21)
    answers = ["n", "y"]
    asked = []
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda text: (asked.append(text), answers.pop(0))[1])
    assert "pruned" not in prune()
    assert "pruned" in prune()
    assert asked == ["Delete 13 rows? [y/N] "] * 2


def test_a_database_that_fails(clock, monkeypatch):
    post_all()
    clock.advance(days=21)

    def fail(*args):
        raise OperationalError("Key (number)=(15550001111) is secret")

    monkeypatch.setattr(retention, "delete", fail)
    with pytest.raises(CommandError, match=r"The database failed \(OperationalError\)"):
        prune()
