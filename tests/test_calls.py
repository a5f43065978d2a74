"""Calls of receivers that failed are jobs of their own: claimed, made, and saved."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from pickyassist_webhooks import ingest
from pickyassist_webhooks.inbox import calls, outcome
from pickyassist_webhooks.inbox.calls import call_again, due_calls
from pickyassist_webhooks.inbox.sweep import sweep
from pickyassist_webhooks.models import DeliveryReport, ReceiverFailure, WebhookRequest
from pickyassist_webhooks.models.leases import LeasedQuerySet
from pickyassist_webhooks.signals import delivery_received, number_filtered
from tests.requests import delivery, filtered, post, row

pytestmark = pytest.mark.django_db(transaction=True)


class Killed(BaseException):
    """Stops a worker at once: nothing in the app may catch it."""


@pytest.fixture
def receiver(listen):
    """A receiver whose calls for three events failed, and are due now."""

    def receiver(event, **named):
        if receiver.is_broken:
            raise ValueError
        receiver.called.append(event.msg_id)
        receiver.then()

    receiver.is_broken, receiver.called, receiver.then = True, [], lambda: None
    listen("delivery_received", receiver)
    post(delivery(row("1"), row("2"), row("3")))
    receiver.is_broken = False
    ReceiverFailure.objects.update(due_at=timezone.now())
    return receiver


def left():
    return ReceiverFailure.objects.count()


def test_all_are_made(receiver):
    assert call_again(due_calls()).state == "done"
    assert receiver.called == ["1", "2", "3"]
    assert left() == 0


def test_only_a_permanent_failure_is_logged_as_one(receiver, caplog, settings):
    assert "failed permanently" not in caplog.text
    receiver.is_broken = True
    settings.PICKYASSIST_WEBHOOKS = {**settings.PICKYASSIST_WEBHOOKS, "MAX_ATTEMPTS": 2}
    assert call_again(due_calls()).state == "dead"
    assert caplog.text.count("failed permanently") == 1


def test_partials_are_named_by_their_functions(listen):
    """Those of different functions have different names, in any order of connecting."""

    def to_crm(key, **named):
        called.append(key)
        if len(called) == 1:
            raise ValueError

    def by_mail(key, **named):
        called.append(key)

    called = []
    receivers = partial(partial(to_crm, 1)), partial(by_mail, 2)
    for each in receivers:
        listen("number_filtered", each)
    post(filtered())
    assert ReceiverFailure.objects.get().receiver.endswith("<locals>.to_crm")
    for each in receivers[::-1]:
        number_filtered.disconnect(each)
        number_filtered.connect(each)
    ReceiverFailure.objects.update(due_at=timezone.now())
    assert sweep() == {"done": 1}
    assert called == [1, 2, 1]


def plain(**named):
    yield


async def asynchronous(**named):
    yield


class Yielding:
    def __call__(self, **named):
        yield


@pytest.mark.parametrize(
    "generator", [plain, asynchronous, Yielding(), partial(plain), Yielding().__call__]
)
def test_a_generator_fails_as_none_of_its_code_runs(listen, generator):
    listen("number_filtered", generator)
    post(filtered())
    assert "a call runs none of its code" in ReceiverFailure.objects.get().error


def test_a_generator_of_another_function_is_no_failure(listen):
    """The receiver has done its work, as with the ``map()`` of a pool."""

    def receiver(**named):
        called.append(1)
        return plain(**named)

    called = []
    listen("number_filtered", receiver)
    post(filtered())
    assert called == [1]
    assert not ReceiverFailure.objects.exists()


def test_their_events_share_the_request(receiver):
    """Each would read the body again, and a replica may not have it yet."""

    def event_of(event, request, **named):
        assert event.request is request

    delivery_received.connect(event_of)
    requests = WebhookRequest.objects.all()
    requests.update(state="stored", claimed_by="", due_at=timezone.now())
    ReceiverFailure.objects.all().delete()
    assert sweep() == {"done": 1}
    delivery_received.disconnect(event_of)


def test_another_worker_was_faster(receiver):
    pks = due_calls()
    assert call_again(pks).state == "done"
    assert call_again(pks) is None
    assert receiver.called == ["1", "2", "3"]


@pytest.mark.parametrize("made", [0, 1, 2])
def test_calls_that_are_not_made_are_released(made, receiver):
    assert call_again(due_calls(), lambda: len(receiver.called) == made).state == "failing"
    assert left() == 3 - made
    assert not ReceiverFailure.objects.exclude(claimed_by="").exists()
    # Each was called once, when it failed: a claim without a call is no attempt.
    assert not ReceiverFailure.objects.exclude(attempts=1).exists()
    assert sweep() == {"done": 1}
    assert receiver.called == ["1", "2", "3"]


def test_another_worker_has_taken_over(receiver, clock, caplog):
    def take_over():
        clock.advance(seconds=30)
        later = timezone.now() + timedelta(minutes=1)
        ReceiverFailure.objects.update(claimed_by="another", due_at=later)

    receiver.then = take_over
    assert call_again(due_calls()).state == "failing"
    assert receiver.called == ["1"]
    assert "were taken over by another worker" in caplog.text
    assert set(ReceiverFailure.objects.values_list("claimed_by", flat=True)) == {"another"}


def test_slow_calls_are_saved_before_all_are_made(receiver, monkeypatch):
    def crash():
        if receiver.called == ["1", "2"]:
            raise Killed

    monkeypatch.setattr(calls, "MAX_UNSAVED", -1.0)
    receiver.then = crash
    with pytest.raises(Killed):
        call_again(due_calls())
    assert left() == 2


@pytest.mark.parametrize("is_gone", [False, True])
def test_a_fault_of_the_database_leaves_the_rest_to_the_next_sweep(
    is_gone, receiver, caplog, clock
):
    def refuse(execute, sql, *rest):
        if sql.startswith("DELETE") and ReceiverFailure._meta.db_table in sql:
            refused.append(sql)
        if refused and (is_gone or sql == refused[-1]):
            raise OperationalError("the server is gone")
        return execute(sql, *rest)

    refused = []
    with connection.execute_wrapper(refuse):
        assert sweep() == {}
    assert "Will retry 3 calls of receivers: OperationalError" in caplog.text
    assert left() == 3
    clock.advance(minutes=2)
    for _ in range(3):  # the calls that a worker left in flight are made one by one
        sweep()
    assert left() == 0
    assert WebhookRequest.objects.get().state == "done"


def test_a_slow_failure_to_store_goes_to_the_spool(settings, tmp_path, monkeypatch, listen):
    """It is not tried again while the sender waits."""

    def refuse(execute, sql, *rest):
        if "INSERT INTO" in sql:
            tries.append(sql)
            raise OperationalError("the server is gone")
        return execute(sql, *rest)

    tries = []
    ours = {**settings.PICKYASSIST_WEBHOOKS, "SPOOL_DIR": tmp_path / "spool"}
    settings.PICKYASSIST_WEBHOOKS = ours
    monkeypatch.setattr(ingest, "_QUICKLY", -1.0)
    heard = listen("delivery_received")
    with connection.execute_wrapper(refuse):
        assert post(delivery()).json()["state"] == "spooled"
    assert len(tries) == 1
    assert sweep() == {"drained": 1, "done": 1}
    assert len(heard) == 1


@pytest.mark.parametrize(("patience", "status"), [(60.0, 200), (-1.0, 503)])
def test_a_slow_failure_without_a_spool(patience, status, monkeypatch):
    """PostgreSQL takes a second to notice a deadlock, and the request is stored afterwards."""

    def refuse(execute, sql, *rest):
        if "INSERT INTO" in sql and not tries:
            tries.append(sql)
            raise OperationalError("deadlock detected")
        return execute(sql, *rest)

    tries = []
    monkeypatch.setattr(ingest, "_QUICKLY", -1.0)
    monkeypatch.setattr(ingest, "_PATIENTLY", patience)
    with connection.execute_wrapper(refuse):
        assert post(delivery()).status_code == status
    assert len(tries) == 1
    assert WebhookRequest.objects.count() == (status == 200)


def test_only_the_events_of_the_claimed_calls_are_read(receiver, monkeypatch):
    monkeypatch.setattr(calls, "BATCH", 1)
    read = []
    monkeypatch.setattr(DeliveryReport, "from_db", noting(DeliveryReport.from_db, read))
    assert sweep() == {"done": 1, "failing": 2}
    assert receiver.called == ["1", "2", "3"]
    assert len(read) == 3


def noting(load, read):
    @classmethod
    def from_db(cls, *args, **named):
        read.append(args)
        return load(*args, **named)

    return from_db


def test_a_sweep_ends_while_others_lock_the_calls(receiver, monkeypatch):
    """A locked row is skipped, and is due as before."""
    monkeypatch.setattr(LeasedQuerySet, "claim", lambda calls, pks: [])
    sweep()
    assert receiver.called == []
    assert left() == 3
    # Nor does a person wait for them.
    request = WebhookRequest.objects.get()
    assert ingest.replay(request.pk, only_failed_receivers=True) is None


def test_failures_are_saved_in_sets(listen, monkeypatch):
    """One statement of thousands of tracebacks is larger than MariaDB accepts."""

    def breaks(**named):
        raise ValueError

    listen("delivery_received", breaks)
    monkeypatch.setattr(outcome, "_UPDATE_BATCH", 2)
    with CaptureQueriesContext(connection) as queries:
        post(delivery(*(row(str(number)) for number in range(5))))
    inserts = [
        query["sql"]
        for query in queries
        if query["sql"].startswith("INSERT") and "receiverfailure" in query["sql"]
    ]
    assert len(inserts) == 3
    assert left() == 5
