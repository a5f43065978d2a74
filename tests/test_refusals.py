"""Wrong secrets are counted in memory, and written at most once in ten seconds."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.core import mail
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from pickyassist_webhooks.inbox import refusals as module
from pickyassist_webhooks.inbox.refusals import Refusals, recent_refusals, refusals
from pickyassist_webhooks.models import RefusalCount
from pickyassist_webhooks.models.refusals import add_refusals
from tests.requests import delivery, post, url
from tests.threads import at_once

pytestmark = pytest.mark.django_db

WRONG = "a-strangers-guess"


def guess(times=1):
    for _ in range(times):
        assert post({}, to=url(WRONG)).status_code == 403


def stored():
    return sum(RefusalCount.objects.values_list("count", flat=True))


def count():
    return recent_refusals(timezone.now())


def test_a_thousand_guesses_cost_one_write():
    with CaptureQueriesContext(connection) as captured:
        guess(1000)
    writes = [each for each in captured if "refusalcount" in each["sql"]]
    assert len(writes) <= 4  # the first finds no row of this minute, so it also makes and clears
    assert stored() == 1
    assert count() == 1000


def test_an_accepted_request_costs_no_statement_more():
    guess(3)
    with CaptureQueriesContext(connection) as captured:
        post(delivery())
    assert not [each for each in captured if "refusalcount" in each["sql"]]
    assert count() == 3


def test_the_next_write_has_all(monkeypatch):
    guess(5)
    assert stored() == 1
    refusals._write_at = 0.0  # ten seconds later
    guess()
    assert stored() == count() == 6


def test_several_processes(clock):
    processes = [Refusals() for _ in range(3)]
    for process in processes:
        for _ in range(4):
            process.add()
    since = timezone.now() - timedelta(hours=1)
    assert [process.recent(since) for process in processes] == [6, 6, 6]
    for process in processes:
        process.write()
    assert [process.recent(since) for process in processes] == [12, 12, 12]
    clock.advance(minutes=61)
    assert count() == 0


def test_old_rows_are_deleted(clock):
    guess()
    for _ in range(3):
        clock.advance(hours=13)
        add_refusals(timezone.now(), 1)
    assert RefusalCount.objects.count() == 2
    assert str(RefusalCount.objects.first()).endswith(": 1")


@pytest.mark.django_db(transaction=True)
def test_a_database_that_fails_changes_no_answer_and_loses_no_count(caplog):
    def refuse(*arguments):
        raise DatabaseError

    with connection.execute_wrapper(refuse):
        guess(2)
    assert "Could not count refused requests (DatabaseError)" in caplog.text
    assert stored() == 0
    assert count() == 2
    refusals.write()
    assert stored() == count() == 2


def test_memory_is_bounded(monkeypatch, clock):
    monkeypatch.setattr(module, "MAX_PENDING", 5)
    refusals._write_at = float("inf")
    for _ in range(20):
        clock.advance(minutes=1)
        refusals.add()
    assert len(refusals._pending) == count() == 5


def test_each_tenant_counts_its_own(settings, monkeypatch):
    settings.PICKYASSIST_WEBHOOKS = {
        **settings.PICKYASSIST_WEBHOOKS,
        "SPOOL_SCOPE": "tests.test_refusals.tenant",
    }
    refusals._write_at = float("inf")
    guess(2)
    monkeypatch.setattr("tests.test_refusals.tenant", lambda: "another")
    assert count() == 0
    refusals.write()
    assert stored() == 0  # those are another's
    monkeypatch.setattr("tests.test_refusals.tenant", lambda: "mine")
    refusals.write()
    assert stored() == 2


def tenant():
    return "mine"


@pytest.mark.django_db(transaction=True)
class TestTimer:
    """A burst that ends is written by a thread, except in a project's tests."""

    @pytest.fixture(autouse=True)
    def outside_of_tests(self, monkeypatch):
        monkeypatch.delattr(mail, "outbox")
        monkeypatch.setattr(module, "PAUSE", 0.2)

    def test_writes_the_rest_once(self):
        guess(5)
        [timer] = [each for each in threading.enumerate() if isinstance(each, threading.Timer)]
        assert timer.daemon
        assert stored() == 1
        timer.join(10)
        assert stored() == 5

    def test_after_a_database_that_failed(self):
        def refuse(*arguments):
            raise DatabaseError

        with connection.execute_wrapper(refuse):
            guess()
        assert stored() == 0
        for each in threading.enumerate():
            if isinstance(each, threading.Timer):
                each.join(10)
        assert stored() == 1

    def test_a_faster_thread_writes_alone(self):
        guess(2)
        [timer] = [each for each in threading.enumerate() if isinstance(each, threading.Timer)]
        refusals._write_at = 0.0
        guess()
        timer.function()  # it was at its lock when it was cancelled
        assert stored() == 3
        assert refusals._timer is None

    def test_one_of_many_threads_writes(self, monkeypatch):
        monkeypatch.setattr(module, "PAUSE", 60.0)
        writes = []
        monkeypatch.setattr(module, "add_refusals", lambda minute, count: writes.append(count))
        at_once(*[refusals.add] * 20)
        assert len(writes) == 1
        refusals._timer.cancel()
        refusals.write()
        assert sum(writes) == 20

    def test_another_follows(self):
        for expected in (3, 6):
            guess(3)
            for each in threading.enumerate():
                if isinstance(each, threading.Timer):
                    each.join(10)
            assert stored() == expected
