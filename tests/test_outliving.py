"""Receivers that outlast the session of the database, or raise no Exception."""

from __future__ import annotations

import asyncio
import sys
import time

import pytest
from django.db import OperationalError, connection, connections, transaction

from pickyassist_webhooks import ingest
from pickyassist_webhooks.inbox import worker
from pickyassist_webhooks.inbox.calling import describe
from pickyassist_webhooks.inbox.sweep import sweep
from pickyassist_webhooks.models import ReceiverFailure, WebhookRequest
from pickyassist_webhooks.transactions import has_unseen_transaction, reconnect, with_reconnect
from tests.requests import delivery, keep, post, row

pytestmark = pytest.mark.django_db(transaction=True)


def outlive_the_session():
    """Wait until the server has ended this session, unnoticed by the client."""
    if connection.vendor == "sqlite":  # which has no server, and so no sessions
        connection.close()
        return
    setting, seconds = {
        "postgresql": ("idle_session_timeout = '50ms'", 0.3),
        "mysql": ("wait_timeout = 1", 1.5),
    }[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(f"SET {setting}")
    time.sleep(seconds)


class TestSession:
    @pytest.fixture
    def slow(self, listen):
        def slow(event, **named):
            called.append(event.msg_id)
            outlive_the_session()
            if event.msg_id == "breaks" and len(called) == 1:
                raise ValueError

        called = []
        listen("delivery_received", slow)
        return called

    def test_the_request_is_done_after_one_call(self, slow):
        assert post(delivery()).json()["state"] == "done"
        assert WebhookRequest.objects.get().state == "done"
        assert slow == ["900001"]

    def test_a_receiver_that_closes_the_connection_itself(self, listen):
        def closes(event, **named):
            called.append(event.msg_id)
            connection.connection.close()

        called = []
        listen("delivery_received", closes)
        assert post(delivery(row("1"))).json()["state"] == "done"
        assert called == ["1"]

    def test_a_session_that_ends_before_the_rows_are_written(self, monkeypatch, listen):
        def look_up(*args, **named):
            monkeypatch.undo()
            outlive_the_session()
            return worker.look_up(*args, **named)

        keep(delivery(row("1")))
        heard = listen("delivery_received")
        monkeypatch.setattr(worker, "look_up", look_up)
        assert sweep() == {"done": 1}
        assert len(heard) == 1

    def test_each_receiver_is_called_once(self, slow, listen):
        others = listen("delivery_received")
        post(delivery(row("1"), row("2")))
        assert WebhookRequest.objects.get().state == "done"
        assert slow == ["1", "2"]
        assert len(others) == 2

    def test_the_lease_is_renewed_on_a_new_session(self, slow, clock, listen):
        def takes_long(**named):
            clock.advance(seconds=30)
            outlive_the_session()

        listen("delivery_received", takes_long)
        post(delivery(row("1"), row("2")))
        assert WebhookRequest.objects.get().state == "done"
        assert slow == ["1", "2"]

    def test_a_failure_is_saved_and_retried(self, slow, clock):
        assert post(delivery(row("breaks"))).json()["state"] == "failing"
        assert ReceiverFailure.objects.get().attempts == 1
        clock.advance(minutes=1)
        assert sweep() == {"done": 1}
        assert not ReceiverFailure.objects.exists()
        assert slow == ["breaks", "breaks"]

    def test_after_a_worker_was_lost(self, slow, clock):
        keep(delivery(row("1"), row("2")), claimed=True)
        clock.advance(minutes=2)
        assert sweep() == {"done": 1}
        assert slow == ["1", "2"]
        assert not ReceiverFailure.objects.exists()

    def test_many_requests_together(self, slow):
        for number in range(1, 4):
            keep(delivery(row(str(number))))
        assert sweep() == {"done": 3}
        assert slow == ["1", "2", "3"]

    def test_a_session_that_ended_during_a_call_is_dropped(self, listen, monkeypatch):
        """SQLite has no sessions, so each connection counts as usable."""

        def slow(**named):
            monkeypatch.setattr(connection, "is_usable", lambda: False)
            sessions.append(connection.connection)
            time.sleep(0.3)

        sessions = []
        listen("delivery_received", slow)
        post(delivery())
        assert connection.connection is not sessions[0]

    def test_a_new_session_is_not_that_of_the_pool(self, monkeypatch):
        """Otherwise the next request would have the settings of a receiver's session."""
        options = {"pool": {"min_size": 1, "max_size": 1}}
        if connection.vendor != "postgresql":  # where Django has no pools
            options = {}
        settings = {**connection.settings_dict}
        settings["OPTIONS"] = {**settings["OPTIONS"], **options}
        monkeypatch.setitem(connections.settings, "pooled", settings)
        pooled = connections.create_connection("pooled")
        pooled.connect()
        first = pooled.connection
        with monkeypatch.context() as patch:
            patch.setitem(pooled.settings_dict["OPTIONS"], "pool", options.get("pool", True))
            reconnect(pooled)
        pooled.connect()
        assert pooled.connection is not first
        pooled.close()
        getattr(pooled, "close_pool", bool)()

    def test_a_driver_that_raises_is_in_no_transaction(self):
        connection.ensure_connection()
        connection.connection.close()
        assert not has_unseen_transaction(connection)
        reconnect(connection)

    def test_inside_a_transaction_an_error_is_raised(self):
        """Its caller must run the whole transaction again."""

        def fails():
            tries.append(1)
            raise OperationalError("the server is gone")

        tries = []
        with pytest.raises(OperationalError), transaction.atomic():
            with_reconnect("default", fails)
        assert tries == [1]

    def test_a_failure_is_saved_once_if_its_commit_fails(self, listen, failing_commit):
        """The first attempt gave it an id and was rolled back."""

        def breaks(**named):
            failing_commit.next = True
            raise ValueError

        listen("delivery_received", breaks)
        assert post(delivery()).json()["state"] == "failing"
        assert failing_commit.count == 1
        assert "ValueError" in ReceiverFailure.objects.get().error
        assert WebhookRequest.objects.get().state == "failing"

    def test_a_failure_is_saved_if_its_transaction_fails(self, listen):
        def breaks(**named):
            waiting.append("UPDATE")
            raise ValueError

        def refuse(execute, sql, *rest):
            if connection.in_atomic_block and waiting and sql.startswith(waiting[0]):
                del waiting[0]
                raise OperationalError("the server is gone")
            return execute(sql, *rest)

        waiting = []
        listen("delivery_received", breaks)
        with connection.execute_wrapper(refuse):
            assert post(delivery()).json()["state"] == "failing"
        assert not waiting
        assert "ValueError" in ReceiverFailure.objects.get().error

    @pytest.fixture
    def failing_commit(self, monkeypatch):
        class Failing:
            next, count = False, 0

            def commit(self):
                if self.next:
                    self.next, self.count = False, self.count + 1
                    connection.close()
                    raise OperationalError("the server is gone")
                commit()

        failing, commit = Failing(), connection.commit
        monkeypatch.setattr(connection, "commit", failing.commit)
        return failing


class TestRawRow:
    def refused(self, times):
        """Refuse the raw row this often, as a conflict of SERIALIZABLE transactions does."""

        def refuse(execute, sql, *rest):
            if f'INSERT INTO "{WebhookRequest._meta.db_table}"' in sql.replace("`", '"'):
                tries.append(sql)
                if len(tries) <= times:
                    raise OperationalError("could not serialize access")
            return execute(sql, *rest)

        tries = []
        return connection.execute_wrapper(refuse), tries

    @pytest.mark.parametrize("times", [1, 2, 3])
    def test_it_is_retried(self, times, listen):
        calls = listen("delivery_received")
        wrapper, tries = self.refused(times)
        with wrapper:
            assert post(delivery()).json()["state"] == "done"
        assert len(tries) == times + 1
        assert len(calls) == WebhookRequest.objects.count() == 1

    def test_it_is_not_retried_for_ever(self):
        wrapper, tries = self.refused(99)
        with wrapper:
            assert post(delivery()).status_code == 503
        assert len(tries) == 4

    def test_a_server_that_is_down_is_tried_twice(self, monkeypatch):
        def away():
            tries.append(1)
            raise OperationalError("connection refused")

        tries = []
        connection.close()
        monkeypatch.setattr(connection, "connect", away)
        assert post(delivery()).status_code == 503
        assert len(tries) == 2


class Odd(Exception):
    def __bool__(self):
        raise ValueError

    def __str__(self):
        raise KeyError


class Falsy(Exception):
    def __bool__(self):
        raise SystemExit


class TestRaised:
    @pytest.mark.parametrize(
        "error",
        [
            *(asyncio.CancelledError, GeneratorExit, SystemExit, SystemExit(3), Odd, Falsy),
            *([BaseExceptionGroup("g", [SystemExit()])] if sys.version_info >= (3, 11) else []),  # noqa: F821
        ],
    )
    def test_it_is_the_failure_of_the_receiver(self, error, listen, clock):
        def breaks(**named):
            if calls:
                raise error

        calls = listen("delivery_received")
        listen("delivery_received", breaks)
        others = listen("delivery_received")
        post(delivery())
        assert WebhookRequest.objects.get().state == "failing"
        name = (error if isinstance(error, type) else type(error)).__name__
        assert name in ReceiverFailure.objects.get().error
        assert len(others) == 1
        calls.clear()
        clock.advance(minutes=1)
        assert sweep() == {"done": 1}

    def test_of_an_asynchronous_receiver(self, listen):
        async def breaks(**named):
            raise asyncio.CancelledError

        listen("delivery_received", breaks)
        assert post(delivery()).json()["state"] == "failing"
        assert "CancelledError" in ReceiverFailure.objects.get().error

    def test_of_the_processor(self, settings, caplog):
        settings.PICKYASSIST_WEBHOOKS = {
            **settings.PICKYASSIST_WEBHOOKS,
            "PROCESSOR": f"{__name__}.leave",
        }
        assert post(delivery()).json()["state"] == "received"
        assert "SystemExit" in caplog.text

    def test_an_interruption_ends_the_worker(self, listen, clock):
        def interrupt(**named):
            raise KeyboardInterrupt

        listen("delivery_received", interrupt)
        request = keep(delivery())
        with pytest.raises(KeyboardInterrupt):
            ingest.process(request.pk)
        assert WebhookRequest.objects.get().state == "stored"
        assert not ReceiverFailure.objects.exists()

    def test_an_error_with_causes_is_described(self):
        error = LookupError("outer")
        error.__cause__ = Odd()
        assert "LookupError" in describe(error)


def leave(pk):
    raise SystemExit


def test_autocommit_that_is_off(listen):
    """The rows would never be committed, so they are written on a new connection."""
    heard = listen("delivery_received")
    transaction.set_autocommit(False)
    try:
        assert post(delivery(row("1"))).json()["state"] == "done"
        transaction.rollback()
    finally:
        transaction.set_autocommit(True)
    assert WebhookRequest.objects.get().state == "done"
    assert len(heard) == 1
