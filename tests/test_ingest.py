"""Crashes, leases, receivers that raise, replays: all are retried from the row."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from pickyassist_webhooks import ingest, signals
from pickyassist_webhooks.exceptions import RequestInWork
from pickyassist_webhooks.inbox import worker
from pickyassist_webhooks.inbox.sweep import sweep
from pickyassist_webhooks.models import (
    DeliveryReport,
    FilterReport,
    GroupMemberEvent,
    Message,
    ReceiverFailure,
    WebhookRequest,
)
from pickyassist_webhooks.models.leases import pause_after
from pickyassist_webhooks.models.requests import WebhookRequestQuerySet
from tests.requests import delivery, filtered, keep, member, post, row, subscriber

pytestmark = pytest.mark.django_db(transaction=True)


class Killed(BaseException):
    """Stops a worker at once: nothing in the app may catch it."""


def only_request():
    return WebhookRequest.objects.get()


class TestCrash:
    def test_after_the_raw_row(self, listen):
        calls = listen("delivery_received")
        keep(delivery())
        assert sweep() == {"done": 1}
        assert [call["event"].msg_id for call in calls] == ["900001"]
        assert sweep() == {}

    @pytest.mark.parametrize(
        ("payload", "name"),
        [
            (delivery(row("1", "4"), row("1", "1"), row("", "2")), "delivery_received"),
            (delivery(row("1", "4"), row("1", "1"), row("", "2")), "message_status_changed"),
            (filtered(row("1"), row("2")), "number_filtered"),
            (member(1), "member_joined"),
            (member(2), "member_exited"),
            (subscriber(), "subscriber_added"),
            ({"event_id": 99}, "webhook_quarantined"),
        ],
    )
    def test_between_rows_and_signals(self, listen, clock, payload, name):
        """The sweep sends the signals of committed rows, with the same keywords."""

        def dies(**named):
            raise Killed

        getattr(signals, name).connect(dies)
        with pytest.raises(Killed):
            post(payload)
        getattr(signals, name).disconnect(dies)
        assert only_request().state == "stored"
        assert sweep() == {}  # its lease has not passed

        calls = listen(name)
        clock.advance(minutes=2)
        assert sum(sweep().values()) == 1
        assert only_request().state == only_request().outcome
        again = [dict(call) for call in calls]
        calls.clear()
        ingest.replay(only_request().pk)
        assert [call["is_replay"] for call in again] == [False] * len(calls)
        assert [call["is_replay"] for call in calls] == [True] * len(calls)
        for call in [*again, *calls]:
            del call["is_replay"]
        assert again == calls != []

    def test_repeated_crashes_end_in_dead(self, clock, settings):
        settings.PICKYASSIST_WEBHOOKS = {**settings.PICKYASSIST_WEBHOOKS, "MAX_ATTEMPTS": 2}

        def dies(**named):
            raise Killed

        signals.member_joined.connect(dies)
        with pytest.raises(Killed):
            post(member())
        clock.advance(minutes=2)
        with pytest.raises(Killed):
            sweep()
        clock.advance(minutes=2)
        assert sweep() == {"dead": 1}
        signals.member_joined.disconnect(dies)
        assert ingest.replay(only_request().pk).state == "done"

    def test_command(self):
        keep(delivery())
        keep(member())
        keep({})
        output = StringIO()
        call_command("pickyassist_process", stdout=output)
        assert output.getvalue() == "Processed 3 (2 done, 1 quarantined).\n"
        output = StringIO()
        call_command("pickyassist_process", stdout=output)
        assert output.getvalue() == "Processed 0.\n"

    def test_a_request_that_another_sweep_claimed_first(self, listen):
        def faster(**named):
            sweep()

        listen("member_joined", faster)
        keep(member(number="1"))
        keep(member(number="2"))
        assert sweep(batch=1) == {"done": 1}
        assert {request.state for request in WebhookRequest.objects.all()} == {"done"}

    def test_more_than_one_batch_of_the_sweep(self):
        for number in range(5):
            keep(member(number=str(number)))
        assert sweep(batch=2) == {"done": 5}
        assert list(GroupMemberEvent.objects.in_order().values_list("number", flat=True)) == [
            *"01234"
        ]


class TestSignals:
    def test_unknown_action_is_a_row_without_a_signal(self, listen):
        joined, exited = listen("member_joined"), listen("member_exited")
        post(member(7))
        assert GroupMemberEvent.objects.get().action == 7
        assert only_request().state == "done"
        assert joined == exited == []

    def test_one_for_each_new_event(self, listen):
        delivered, changed = listen("delivery_received"), listen("message_status_changed")
        post(delivery(row("1", "4"), row("1", "1"), row("1", "1"), row("1", "2"), row("", "1")))
        post(delivery(row("1", "1"), row("1", "3")))
        assert [(c["event"].msg_id, c["event"].status) for c in delivered] == [
            *[("1", 4), ("1", 1), ("1", 2), ("", 1)],
            ("1", 3),
        ]
        assert [c["message"] and c["message"].pk for c in delivered] == [
            *[Message.objects.get().pk] * 3,
            None,
            Message.objects.get().pk,
        ]
        assert [(c["previous_status"], c["event"].status) for c in changed] == [
            *[(None, 4), (4, 1)],
            (1, 3),
        ]

    def test_they_are_sent_after_the_commit(self, listen):
        seen = []

        def look(request, event, **named):
            seen.append(
                (connection.in_atomic_block, type(event).objects.filter(pk=event.pk).count())
            )
            seen.append(WebhookRequest.objects.get(pk=request.pk).state)

        listen("subscriber_added", look)
        post(subscriber())
        assert seen == [(False, 1), "stored"]

    def test_names(self):
        post(delivery(row("", push_id="7")))
        post(filtered(row("8", 2)))
        post(member(2))
        assert str(DeliveryReport.objects.get()) == "7: delivered"
        assert str(FilterReport.objects.get()) == "8: not a WhatsApp number"
        assert str(GroupMemberEvent.objects.get()) == "A4100: exited"
        assert str(WebhookRequest.objects.earliest("pk")).startswith("delivery report ")
        assert str(keep({})).startswith("request ")


class TestLease:
    def test_two_workers_never_both_process_a_request(self):
        request = keep(delivery())
        assert WebhookRequest.objects.claim([request.pk]) == [request]
        assert ingest.process(request.pk) is None
        assert sweep() == {}

    def test_a_worker_that_lost_its_lease_stops(self, listen, caplog):
        def take_over(request, **named):
            WebhookRequest.objects.update(due_at=timezone.now() + timedelta(hours=1))

        listen("delivery_received", take_over)
        post(delivery())
        assert only_request().state == "stored"
        assert "was taken over by another worker" in caplog.text

    def test_a_worker_that_lost_its_lease_stores_nothing(self):
        request = keep(delivery())
        [claimed] = WebhookRequest.objects.claim([request.pk])
        WebhookRequest.objects.update(due_at=timezone.now() + timedelta(hours=1))
        worker.work([claimed])
        assert not DeliveryReport.objects.exists()

    def test_an_error_after_a_takeover_affects_no_other_request(self, monkeypatch):
        def fails(*args):
            WebhookRequest.objects.filter(pk=first.pk).update(
                due_at=timezone.now() + timedelta(minutes=9)
            )
            monkeypatch.setattr(worker, "parse", parse)
            raise ZeroDivisionError

        parse = worker.parse
        first, _ = keep(member(number="1")), keep(member(number="2"))
        monkeypatch.setattr(worker, "parse", fails)
        assert sweep() == {"received": 1, "done": 1}

    def test_a_request_that_cannot_be_claimed_affects_no_other(self, monkeypatch, caplog):
        def fails(requests, pks, claim=WebhookRequestQuerySet.claim):
            if pks == [first.pk]:
                raise ZeroDivisionError
            return claim(requests, pks)

        first, _ = keep(member(number="1")), keep(member(number="2"))
        monkeypatch.setattr(WebhookRequestQuerySet, "claim", fails)
        assert sweep(batch=1) == {"done": 1}
        assert "Will retry 1 requests: ZeroDivisionError" in caplog.text

    def test_long_work_renews_the_lease(self, listen, clock):
        due = []

        def slow(request, **named):
            clock.advance(seconds=45)
            due.append(only_request().due_at)

        listen("delivery_received", slow)
        post(delivery(*[row(str(number)) for number in range(4)]))
        assert due == sorted(set(due))
        assert only_request().state == "done"

    def test_replay_waits_for_the_worker(self):
        request = keep(delivery())
        WebhookRequest.objects.claim([request.pk])
        with pytest.raises(RequestInWork, match="a worker is processing"):
            ingest.replay(request.pk)


class TestReceiverThatRaises:
    def break_first(self, times, broken="2"):
        def breaks(event, **named):
            if event.msg_id == broken and self.calls_of("breaks") < times:
                self.seen.append(("breaks", event.msg_id))
                raise ValueError(f"no order \0 \ud800 {event.msg_id}")
            self.seen.append(("worked", event.msg_id))

        self.seen = []
        return breaks

    def calls_of(self, name):
        return sum(seen == name for seen, _ in self.seen)

    def test_only_this_receiver_is_called_again(self, listen, clock):
        breaks = self.break_first(2)
        others = listen("delivery_received")
        listen("delivery_received", breaks)
        answer = post(delivery(row("1"), row("2"), row("3"))).json()

        assert (answer["ok"], answer["state"], answer["accepted"]) == (True, "failing", 3)
        failure = ReceiverFailure.objects.get()
        assert failure.receiver == f"{__name__}.{breaks.__qualname__}"
        assert (failure.signal, failure.attempts) == ("delivery_received", 1)
        assert failure.event_id == DeliveryReport.objects.get(msg_id="2").pk
        assert "ValueError: no order" in failure.error
        assert str(failure) == f"{failure.receiver} on delivery_received"
        assert len(others) == 3
        assert sweep() == {}  # it waits for its retry

        clock.advance(seconds=31)
        assert sweep() == {"failing": 1}
        assert ReceiverFailure.objects.get().attempts == 2
        clock.advance(seconds=31)
        assert sweep() == {}  # longer than before
        clock.advance(seconds=120)
        assert sweep() == {"done": 1}
        assert not ReceiverFailure.objects.exists()
        assert len(others) == 3
        assert self.seen == [
            ("worked", "1"),
            *[("breaks", "2"), ("worked", "3")],
            *[("breaks", "2"), ("worked", "2")],
        ]

    def test_failures_are_written_together(self, listen, clock):
        def breaks(**named):
            raise ValueError

        listen("delivery_received", breaks)
        with CaptureQueriesContext(connection) as single:
            post(delivery(row("1")))
        with CaptureQueriesContext(connection) as many:
            post(delivery(*[row(f"m{number}") for number in range(40)]))
        assert len(many) == len(single)
        clock.advance(minutes=1)
        with CaptureQueriesContext(connection) as again:
            assert sweep() == {"failing": 2}
        assert len(again) < 40
        attempts = set(ReceiverFailure.objects.values_list("attempts", flat=True))
        assert (attempts, ReceiverFailure.objects.count()) == ({2}, 41)

    def test_attempts_used_up(self, listen, clock, settings):
        settings.PICKYASSIST_WEBHOOKS = {**settings.PICKYASSIST_WEBHOOKS, "MAX_ATTEMPTS": 2}
        breaks = self.break_first(2)
        listen("delivery_received", breaks)
        post(delivery(row("2")))
        clock.advance(minutes=1)
        assert sweep() == {"dead": 1}
        assert ReceiverFailure.objects.get().due_at is None
        clock.advance(days=1)
        assert sweep() == {}
        assert ingest.replay(only_request().pk).state == "done"
        assert not ReceiverFailure.objects.exists()

    def test_receiver_of_the_quarantine(self, listen, clock):
        failing = [True]

        def breaks(request, **named):
            if failing:
                raise ValueError(failing.pop())

        listen("webhook_quarantined", breaks)
        assert post({}).json()["state"] == "quarantined"
        assert only_request().state == "failing"
        clock.advance(minutes=1)
        assert sweep() == {"quarantined": 1}

    def test_asynchronous_receiver(self, listen, clock):
        seen = []

        async def breaks(event, **named):
            seen.append(event.msg_id)
            if len(seen) == 1:
                raise ValueError

        async def works(event, **named):
            seen.append("works")

        listen("delivery_received", breaks)
        listen("delivery_received", works)
        post(delivery())
        clock.advance(minutes=1)
        assert sweep() == {"done": 1}
        assert sorted(seen) == ["900001", "900001", "works"]

    def test_a_function_that_returns_a_coroutine(self, listen, clock):
        """Django takes a decorated ``async def`` for an ordinary function."""
        seen = []

        async def breaks(event, **named):
            seen.append(event.msg_id)
            if len(seen) == 1:
                raise ValueError

        listen("delivery_received", lambda **named: breaks(**named))
        post(delivery())
        assert only_request().state == "failing"
        clock.advance(minutes=1)
        assert sweep() == {"done": 1}
        assert seen == ["900001", "900001"]

    def test_an_error_that_is_false(self, listen, clock):
        class Empty(ValueError):
            def __bool__(self):
                return False

        def breaks(event, **named):
            raise Empty

        listen("delivery_received", breaks)
        assert post(delivery()).json()["state"] == "failing"
        clock.advance(minutes=1)
        assert sweep() == {"failing": 1}

    def test_receiver_that_is_disconnected(self, listen, clock):
        breaks = self.break_first(9)
        signals.delivery_received.connect(breaks)
        post(delivery(row("2")))
        signals.delivery_received.disconnect(breaks)
        clock.advance(minutes=1)
        assert sweep() == {"failing": 1}
        assert "is not connected any more" in ReceiverFailure.objects.get().error

    def test_event_that_is_deleted(self, listen, clock):
        listen("delivery_received", self.break_first(9))
        post(delivery(row("2")))
        DeliveryReport.objects.all().delete()
        clock.advance(minutes=1)
        assert sweep() == {"done": 1}

    def test_receiver_that_is_an_object(self, listen):
        class Receiver:
            def __call__(self, **named):
                raise ValueError

        listen("delivery_received", Receiver())
        post(delivery())
        assert ReceiverFailure.objects.get().receiver.endswith("Receiver")

    def test_receivers_that_share_a_path(self, listen, clock):
        """If one decorator wraps them, their order of connection distinguishes them."""

        def logged(name):
            def wrapper(**named):
                called.append(name)
                if name in broken:
                    raise ValueError

            return wrapper

        called, broken = [], ["first"]
        wrapped = [logged("first"), logged("second"), logged("third")]
        for each in wrapped:
            listen("delivery_received", each)
        post(delivery())
        assert not ReceiverFailure.objects.get().receiver.endswith("#2")
        called.clear()
        clock.advance(minutes=1)
        assert sweep() == {"failing": 1}
        assert called == ["first"]
        broken[:] = ["second", "third"]
        clock.advance(hours=1)
        assert sweep() == {"done": 1}
        ingest.replay(only_request().pk)
        failed = ReceiverFailure.objects.order_by("pk").values_list("receiver", flat=True)
        assert [path.rpartition("#")[2] for path in failed] == ["2", "3"]

    def test_saving_a_retry_begins_with_a_lock(self, listen, clock):
        """SQLite refuses to write after a read if another process wrote in between."""
        failing = [True]

        def breaks(**named):
            if failing:
                raise ValueError(failing.pop())

        listen("delivery_received", breaks)
        post(delivery())
        clock.advance(minutes=1)
        with CaptureQueriesContext(connection) as queries:
            assert sweep() == {"done": 1}
        sql = [query["sql"] for query in queries]
        begins = [index for index, text in enumerate(sql) if text.startswith("BEGIN")]
        if connection.vendor == "sqlite":
            assert sql[begins[-1]] == "BEGIN IMMEDIATE"
        else:
            assert "FOR UPDATE" in sql[begins[-1] + 1]

    def test_its_request_says_when_the_next_call_is_due(self, listen, clock):
        def breaks(**named):
            raise ValueError

        listen("delivery_received", breaks)
        post(delivery(data=[row("1"), row("2")]))
        for _ in range(2):
            due = sorted(ReceiverFailure.objects.values_list("due_at", flat=True))
            assert only_request().due_at == due[0]
            ReceiverFailure.objects.filter(due_at=due[0]).update(due_at=timezone.now())
            assert sweep() == {"failing": 1}

    def test_pauses_grow(self):
        now = timezone.now()
        pauses = [(pause_after(attempts, now) - now).total_seconds() for attempts in range(1, 9)]
        assert pauses == [30, 120, 480, 1920, 7680, 21600, 21600, 21600]


class TestFailingProcessing:
    def test_it_is_retried(self, monkeypatch, clock):
        def fails(*args, **kwargs):
            raise ZeroDivisionError("a bug of ours")

        with monkeypatch.context() as broken:
            broken.setattr(worker, "decide", fails)
            post(delivery())
        assert only_request().state == "received"
        assert "a bug of ours" in only_request().error
        clock.advance(minutes=1)
        assert sweep() == {"done": 1}
        assert only_request().error == ""
        assert DeliveryReport.objects.count() == 1

    def test_it_ends_in_dead(self, monkeypatch, settings):
        settings.PICKYASSIST_WEBHOOKS = {**settings.PICKYASSIST_WEBHOOKS, "MAX_ATTEMPTS": 1}
        monkeypatch.setattr(worker, "decide", None)
        post(delivery())
        assert only_request().state == "dead"

    def test_signals_that_fail_leave_the_rows(self, listen, monkeypatch, clock):
        calls = listen("delivery_received")
        with monkeypatch.context() as broken:
            broken.setattr(worker, "announce", None)
            assert post(delivery()).json()["state"] == "stored"
        assert only_request().state == "stored"
        assert "TypeError" in only_request().error
        clock.advance(minutes=1)
        assert sweep() == {"done": 1}
        assert len(calls) == 1


class TestReplay:
    def test_it_adds_nothing_and_reports_repeats(self, listen):
        calls = listen("delivery_received")
        post(delivery(row("1"), row("1"), row("2")))
        request = ingest.replay(only_request().pk)
        assert (request.event_count, request.repeat_count, request.replays) == (2, 1, 1)
        assert [call["is_replay"] for call in calls] == [False, False, True, True]
        assert DeliveryReport.objects.count() == 2

    def test_a_payload_that_was_invalid_before(self, settings):
        settings.PICKYASSIST_WEBHOOKS = {**settings.PICKYASSIST_WEBHOOKS, "PROJECT_IDS": []}
        post(member())
        assert only_request().state == "quarantined"
        settings.PICKYASSIST_WEBHOOKS = {**settings.PICKYASSIST_WEBHOOKS, "PROJECT_IDS": None}
        request = ingest.replay(only_request().pk)
        assert (request.state, request.problem_count, request.problems) == ("done", 0, [])
        assert GroupMemberEvent.objects.count() == 1

    def test_a_repeat_stays_a_repeat_after_later_events(self):
        post(member(1))
        post(member(1))
        post(member(2))
        repeat = WebhookRequest.objects.get(repeat_count=1)
        for _ in range(2):
            assert ingest.replay(repeat.pk).repeat_count == 1
        assert GroupMemberEvent.objects.count() == 2

    def test_an_invalid_row_may_become_valid(self):
        post(member() | {"data": [], "group_id": None, "number": "1"})
        body = {"project_id": "4100", "event_id": 3, "data": [member(), member(group_id="")]}
        request = keep(body)
        ingest.process(request.pk)
        readable = json.dumps(body).replace('"group_id": ""', '"group_id": "B"').encode()
        WebhookRequest.objects.filter(pk=request.pk).update(body=readable)
        replayed = ingest.replay(request.pk)
        assert (replayed.event_count, replayed.problem_count) == (2, 0)

    def test_a_deleted_message_is_created_again(self):
        post(delivery(row("1", "4"), row("1", "1")))
        Message.objects.all().delete()
        ingest.replay(only_request().pk)
        assert Message.objects.get().status == 1
