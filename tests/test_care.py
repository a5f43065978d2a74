"""Receivers that kill their worker, never return, or leave a transaction open."""

from __future__ import annotations

from contextlib import suppress
from itertools import count

import pytest
from django.contrib.auth.models import Group
from django.db import OperationalError, connection, transaction

from pickyassist_webhooks import ingest, signals
from pickyassist_webhooks.inbox.sweep import sweep
from pickyassist_webhooks.models import (
    DeliveryReport,
    GroupMemberEvent,
    ReceiverFailure,
    WebhookRequest,
)
from pickyassist_webhooks.models.failures import NEVER_RETURNED
from pickyassist_webhooks.transactions import end_transactions, reconnect, transaction_states
from tests.requests import delivery, keep, member, post, row

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "own"])


class Killed(BaseException):
    """Stops a worker at once: nothing in the app may catch it."""


@pytest.fixture
def poison(listen):
    """A receiver that kills its worker on one event, and another one after it."""

    def poison(event, **named):
        called.append(event.msg_id)
        if event.msg_id == "poison":
            raise Killed

    called = []
    listen("delivery_received", poison)
    poison.called = called
    poison.others = listen("delivery_received")
    return poison


def batch(size=10, at=4):
    return delivery(*[row("poison" if number == at else f"m{number}") for number in range(size)])


def only_request():
    return WebhookRequest.objects.get()


class TestKilledWorker:
    def crash(self, clock):
        clock.advance(minutes=30)
        with pytest.raises(Killed):
            sweep()

    def test_one_event_that_kills_does_not_affect_the_others(self, poison, clock):
        with pytest.raises(Killed):
            post(batch())
        assert only_request().crash_count == 0
        self.crash(clock)  # recovered after a crash: the call is saved before it is made
        assert only_request().crash_count == 1
        failure = ReceiverFailure.objects.get()
        assert failure.error == NEVER_RETURNED
        assert (failure.attempts, failure.event_id) == (
            1,
            DeliveryReport.objects.get(msg_id="poison").pk,
        )

        clock.advance(minutes=30)
        assert sweep() == {"failing": 1}
        everything = {f"m{number}" for number in range(10)} - {"m4"} | {"poison"}
        assert {call["event"].msg_id for call in poison.others} == everything
        assert set(poison.called) == everything
        assert ReceiverFailure.objects.get().receiver.endswith("poison")

    def test_it_is_retried_alone_and_can_succeed(self, poison, clock, listen):
        with pytest.raises(Killed):
            post(batch())
        self.crash(clock)
        clock.advance(minutes=30)
        assert sweep() == {"failing": 1}
        poison.called.clear()
        self.crash(clock)
        assert poison.called == ["poison"]
        assert ReceiverFailure.objects.get().attempts == 2
        assert ReceiverFailure.objects.get().error == NEVER_RETURNED
        DeliveryReport.objects.filter(msg_id="poison").update(msg_id="harmless")
        clock.advance(days=1)
        assert sweep() == {"done": 1}
        assert not ReceiverFailure.objects.exists()

    def test_a_receiver_that_raises_after_a_crash(self, poison, clock, listen):
        def breaks(event, **named):
            raise ValueError("as ever")

        with pytest.raises(Killed):
            post(batch(size=2, at=1))
        self.crash(clock)
        listen("delivery_received", breaks)
        clock.advance(minutes=30)
        assert sweep() == {"failing": 1}
        errors = ReceiverFailure.objects.order_by("error").values_list("error", flat=True)
        assert [error == NEVER_RETURNED for error in errors] == [True, False, False]
        assert all("as ever" in error for error in errors[1:])

    def test_in_a_database_of_its_own(self, poison, clock, settings, django_assert_num_queries):
        settings.DATABASE_ROUTERS = ["tests.test_endpoint.OwnDatabase"]
        with django_assert_num_queries(0, connection=connection):
            with pytest.raises(Killed):
                post(batch())
            self.crash(clock)
            clock.advance(minutes=30)
            assert sweep() == {"failing": 1}
            self.crash(clock)
        assert ReceiverFailure.objects.using("own").get().attempts == 2

    def test_attempts_are_used_up(self, poison, clock):
        with pytest.raises(Killed):
            post(batch(size=1, at=0))
        for _ in range(20):
            clock.advance(days=1)
            with suppress(Killed):
                sweep()
        assert only_request().state == "dead"
        assert len(poison.called) <= 9

        # All signals were sent, so a person can have this receiver called again.
        DeliveryReport.objects.update(msg_id="harmless")
        poison.called.clear()
        assert ingest.replay(only_request().pk, only_failed_receivers=True).state == "done"
        assert poison.called == ["harmless"]

    def test_neighbours_in_a_batch(self, poison, clock):
        """If one request kills a worker, its neighbours are processed one by one."""
        for number in range(3):
            keep(delivery(row(f"a{number}")))
        keep(delivery(row("poison")))
        keep(delivery(row("b")))
        with pytest.raises(Killed):
            sweep()
        assert set(WebhookRequest.objects.values_list("state", flat=True)) == {"stored"}
        for _ in range(20):
            clock.advance(days=1)
            with suppress(Killed):
                sweep()
        states = WebhookRequest.objects.order_by("pk").values_list("state", flat=True)
        assert list(states) == ["done", "done", "done", "dead", "done"]
        assert {call["event"].msg_id for call in poison.others} == {
            *["a0", "a1", "a2", "b"],
            "poison",
        }

    def test_a_worker_that_returns_after_its_lease(self, clock, listen):
        """Its lease passed: another worker took over, and skipped the call in flight."""
        calls, swept = [], []

        def slow(event, **named):
            calls.append(event.msg_id)
            if len(calls) <= 2:
                clock.advance(minutes=2)
                swept.append(sweep())

        listen("delivery_received", slow)
        others = listen("delivery_received")
        post(delivery())
        # The innermost worker skipped the call in flight, and finished the rest.
        assert swept == [{"failing": 1}, {"done": 1}]
        assert len(calls) == 2
        assert len(others) == 1
        clock.advance(minutes=10)
        assert sweep() == {}
        assert len(calls) == 2
        assert not ReceiverFailure.objects.exists()


class TestTransactionLeftOpen:
    def leaves_atomic(self, event, **named):
        transaction.atomic().__enter__()
        WebhookRequest.objects.update(query="written by a receiver")

    def leaves_manual(self, event, **named):
        connection.set_autocommit(False)
        WebhookRequest.objects.update(query="written by a receiver")

    @pytest.mark.parametrize("way", ["leaves_atomic", "leaves_manual"])
    def test_it_is_rolled_back_and_affects_no_other(self, way, listen, clock):
        listen("delivery_received", getattr(self, way))
        others = listen("delivery_received")
        answer = post(delivery(row("1"), row("2"))).json()
        assert (answer["state"], answer["accepted"]) == ("failing", 2)
        assert transaction_states()[connection.alias] == (0, True, False)
        assert len(others) == 2
        assert only_request().query == ""
        failures = ReceiverFailure.objects.all()
        assert [failure.receiver.endswith(way) for failure in failures] == [True, True]
        assert "TransactionLeftOpen" in failures[0].error

    def test_inside_a_transaction_it_is_only_reported(self):
        """As in a ``TestCase``: we must not end the transaction around it."""
        with transaction.atomic():
            before = transaction_states()
            inner = transaction.atomic()
            inner.__enter__()
            assert end_transactions(before) == [connection.alias]
            inner.__exit__(None, None, None)
            assert end_transactions(before) == []

    def test_a_connection_that_is_closed_already(self):
        connection.close()
        reconnect(connection)
        assert transaction_states()[connection.alias] == (0, True, False)
        assert not WebhookRequest.objects.exists()

    def test_a_receiver_that_breaks_its_own_transaction(self, listen):
        def breaks(event, **named):
            with transaction.atomic():
                try:
                    DeliveryReport.objects.create(pk=event.pk)
                except Exception:
                    assert DeliveryReport.objects.exists()  # not allowed any more

        listen("delivery_received", breaks)
        others = listen("delivery_received")
        assert post(delivery(row("1"), row("2"))).json()["state"] == "failing"
        assert len(others) == 2
        assert ReceiverFailure.objects.count() == 2

    def test_a_transaction_that_django_does_not_see(self, listen, clock):
        """If it was begun in plain SQL, the work is repeated from the row."""

        def begins(event, **named):
            if event.msg_id == "1":
                with connection.cursor() as cursor:
                    cursor.execute("BEGIN")

        listen("delivery_received", begins)
        keep(delivery(row("1")))
        keep(delivery(row("2")))
        keep(member())
        sweep(batch=1)
        connection.close()
        states = WebhookRequest.objects.order_by("pk").values_list("state", flat=True)
        first = "done" if connection.vendor == "mysql" else "failing"
        assert list(states) == [first, "done", "done"]
        assert DeliveryReport.objects.count() == 2
        # MariaDB's driver cannot tell, so there the receiver succeeds, and all is committed.
        failed = [failure.error for failure in ReceiverFailure.objects.all()]
        assert all("TransactionLeftOpen" in error for error in failed)
        assert len(failed) == (connection.vendor != "mysql")

    def test_what_a_receiver_wrote_in_such_a_transaction_before_it_raised(self, listen):
        def begins(event, **named):
            with connection.cursor() as cursor:
                cursor.execute("BEGIN")
            Group.objects.create(name="half of the work")
            raise ValueError

        listen("delivery_received", begins)
        assert post(delivery()).json()["state"] == "failing"
        connection.close()
        assert not Group.objects.exists()
        assert ReceiverFailure.objects.count() == 1

    @pytest.mark.parametrize("processor", ["inline", "none"])
    def test_a_transaction_that_was_open_before_a_request(self, processor, settings):
        """A request that is answered 200 is still committed."""
        configured = {**settings.PICKYASSIST_WEBHOOKS, "PROCESSOR": processor}
        settings.PICKYASSIST_WEBHOOKS = configured
        with connection.cursor() as cursor:
            cursor.execute("BEGIN")
        assert post(delivery()).status_code == 200
        connection.close()
        assert WebhookRequest.objects.exists()


def test_one_event_that_kills_in_ten_thousand(listen):
    def breaks(event, **named):
        if event.msg_id == "m5000":
            raise ValueError

    done = listen("delivery_received")
    listen("delivery_received", breaks)
    rows = [row(f"m{number}") for number in range(10_000)]
    assert post(delivery(*rows)).json()["accepted"] == 10_000
    assert len(done) == 10_000
    assert ReceiverFailure.objects.count() == 1
    signals.delivery_received.disconnect(breaks)
    assert ingest.replay(only_request().pk).state == "done"
    assert len(done) == 20_000


@pytest.mark.parametrize("executed", [False, True], ids=["before", "after"])
def test_each_statement_of_the_sweep_fails(executed, listen, clock):
    """After any interruption, each event is a row once and a signal at least once."""
    heard = [listen("delivery_received"), listen("member_joined")]
    for number in count(1):
        for repeat in range(2):
            keep(delivery(row(f"{number}-{repeat}")))
            keep(member(number=f"{number}-{repeat}"))
        seen = []

        def fails(execute, sql, *rest, number=number, seen=seen):
            seen.append(sql)
            if len(seen) != number:
                return execute(sql, *rest)
            # SQLite's BEGIN has no answer that could be lost.
            if executed and not sql.startswith("BEGIN"):
                execute(sql, *rest)
            raise OperationalError

        with suppress(OperationalError), connection.execute_wrapper(fails):
            sweep()
        for _ in range(4):
            clock.advance(minutes=10)
            sweep()
        events = [*DeliveryReport.objects.all(), *GroupMemberEvent.objects.all()]
        assert len(events) == 4 * number
        called = {call["event"] for calls in heard for call in calls}
        assert called == set(events)
        assert set(WebhookRequest.objects.values_list("state", flat=True)) == {"done"}
        if len(seen) < number:
            break
    assert number >= 10
