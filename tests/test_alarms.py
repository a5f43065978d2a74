"""Alarms: once for each change, over restarts and several processes."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from io import StringIO
from pathlib import Path
from threading import Timer

import pytest
from django.core import mail
from django.core.management import call_command
from django.db import DatabaseError, connection

from pickyassist_webhooks import alarms, ingest, signals
from pickyassist_webhooks.inbox.sweep import sweep
from pickyassist_webhooks.management.commands import pickyassist_process
from pickyassist_webhooks.models import Alarm, EventStream
from tests.requests import delivery, keep, post, row

ROOT = Path(__file__).parent.parent

pytestmark = pytest.mark.django_db


@pytest.fixture
def edges():
    """The signals that were sent, as tuples of their name, condition and level."""
    sent = []

    def note(name):
        def receiver(sender, signal, condition, level, reason):
            assert sender is None
            assert reason.endswith((".", "?"))
            sent.append((name, condition, level))

        return receiver

    receivers = {name: note(name) for name in ("alarm_raised", "alarm_cleared")}
    for name, receiver in receivers.items():
        getattr(signals, name).connect(receiver)
    yield sent
    for name, receiver in receivers.items():
        getattr(signals, name).disconnect(receiver)


def look(edges):
    """Look, and return the edges that this noticed."""
    edges.clear()
    alarms.look()
    return list(edges)


def test_each_edge_once(edges, clock):
    assert look(edges) == []
    keep(delivery())
    assert look(edges) == []
    clock.advance(minutes=6)
    assert look(edges) == [("alarm_raised", "waiting", "degraded")]
    assert look(edges) == []
    clock.advance(minutes=10)
    assert look(edges) == [("alarm_raised", "worker", "degraded")]
    clock.advance(hours=1)
    assert look(edges) == [("alarm_raised", "waiting", "failing")]
    assert look(edges) == []
    sweep()
    assert look(edges) == [
        ("alarm_cleared", "waiting", "ok"),
        ("alarm_cleared", "worker", "ok"),
    ]
    assert look(edges) == []
    keep(delivery(row("2")))
    clock.advance(minutes=6)
    assert look(edges) == [("alarm_raised", "waiting", "degraded")]


def test_a_fall_to_degraded_is_no_edge(edges, clock):
    old = keep(delivery())
    clock.advance(hours=2)
    keep(delivery(row("2")))
    clock.advance(minutes=6)
    assert ("alarm_raised", "waiting", "failing") in look(edges)
    ingest.process(old.pk)
    assert look(edges) == [("alarm_cleared", "worker", "ok")]
    assert Alarm.objects.get(condition="waiting").level == "degraded"
    clock.advance(hours=1)
    assert ("alarm_raised", "waiting", "failing") in look(edges)


def test_a_database_that_cannot_be_read_raises_no_alarm(edges):
    def refuse(*arguments):
        raise DatabaseError

    with connection.execute_wrapper(refuse):
        assert look(edges) == []
    assert not Alarm.objects.exists()


def test_a_receiver_that_raises_does_not_disturb_others(edges, clock, caplog):
    def broken(**named):
        raise ValueError

    signals.alarm_raised.connect(broken)
    try:
        keep(delivery())
        clock.advance(minutes=6)
        assert look(edges) == [("alarm_raised", "waiting", "degraded")]
    finally:
        signals.alarm_raised.disconnect(broken)


def test_streams_that_cannot_be_stored_are_no_reason_not_to_look(edges, clock, caplog):
    def refuse(execute, sql, *arguments):
        if sql.startswith("INSERT") and "eventstream" in sql:
            raise DatabaseError
        return execute(sql, *arguments)

    post(delivery())
    clock.advance(minutes=1)
    keep(delivery(row("2")))
    clock.advance(minutes=6)
    with connection.execute_wrapper(refuse):
        assert look(edges) == [("alarm_raised", "waiting", "degraded")]
    assert "Could not store the new events of streams (DatabaseError)" in caplog.text
    assert not EventStream.objects.exists()


class Callable:
    """A callable for the setting ``ALARM``, which may raise."""

    def __init__(self):
        self.calls, self.errors = [], []

    def __call__(self, condition, level, reason):
        self.calls.append((condition, level))
        if self.errors:
            raise self.errors.pop()


called = Callable()


@pytest.fixture
def alarm(settings):
    """Configure a callable, and return it."""
    called.__init__()
    settings.PICKYASSIST_WEBHOOKS = {
        **settings.PICKYASSIST_WEBHOOKS,
        "ALARM": "tests.test_alarms.called",
    }
    return called


class TestCallable:
    def test_is_called_when_an_alarm_is_raised(self, alarm, clock):
        keep(delivery())
        clock.advance(minutes=6)
        alarms.look()
        alarms.look()
        assert alarm.calls == [("waiting", "degraded")]
        sweep()
        alarms.look()
        assert alarm.calls == [("waiting", "degraded")]

    def test_is_called_again_after_it_failed(self, alarm, clock, caplog, edges):
        alarm.errors = [ImportError(), ValueError("15550001111")]
        keep(delivery())
        clock.advance(minutes=6)
        assert look(edges) == [("alarm_raised", "waiting", "degraded")]
        assert "ALARM raised ValueError for waiting; it will be called again" in caplog.text
        assert "15550001111" not in caplog.text
        alarms.look()
        assert len(alarm.calls) == 1  # not before a minute has passed
        for expected in (2, 3, 3):
            clock.advance(seconds=61)
            assert look(edges) == []
            assert len(alarm.calls) == expected

    @pytest.mark.parametrize("error", [SystemExit(3), asyncio.CancelledError()])
    def test_that_ends_the_program_is_an_error(self, error, alarm, clock, edges):
        alarm.errors = [error]
        keep(delivery())
        clock.advance(minutes=6)
        assert look(edges) == [("alarm_raised", "waiting", "degraded")]
        clock.advance(seconds=61)
        alarms.look()
        assert alarm.calls == [("waiting", "degraded")] * 2

    def test_is_called_once_if_it_takes_minutes(self, settings, clock, monkeypatch):
        """A mail server can be slow, and other processes look meanwhile."""
        calls = []

        def slow(condition, level, reason):
            calls.append(condition)
            clock.advance(minutes=3)
            alarms.look()

        monkeypatch.setattr(alarms, "slow", slow, raising=False)
        path = "pickyassist_webhooks.alarms.slow"
        settings.PICKYASSIST_WEBHOOKS = settings.PICKYASSIST_WEBHOOKS | {"ALARM": path}
        keep(delivery())
        clock.advance(minutes=6)
        alarms.look()
        assert calls == ["waiting"]

    def test_is_not_called_again_if_all_is_well_again(self, alarm, clock):
        alarm.errors = [ValueError()]
        keep(delivery())
        clock.advance(minutes=6)
        alarms.look()
        sweep()
        clock.advance(seconds=61)
        alarms.look()
        assert len(alarm.calls) == 1

    def test_is_called_again_if_the_level_only_falls(self, alarm, clock):
        alarm.errors = [ValueError()]
        old = keep(delivery())
        clock.advance(hours=2)
        keep(delivery(row("2")))
        clock.advance(minutes=6)
        alarms.look()
        failed = [call for call in alarm.calls if call[0] == "waiting"]
        ingest.process(old.pk)
        clock.advance(seconds=61)
        alarms.look()
        alarms.look()
        waiting = [call for call in alarm.calls if call[0] == "waiting"]
        assert (failed, waiting[1:]) == ([("waiting", "failing")], [("waiting", "degraded")])

    def test_of_two_processes_one_calls(self, alarm, clock):
        """Both read the alarm before one claims it."""
        keep(delivery())
        clock.advance(minutes=6)

        def look_in_between(execute, sql, *arguments):
            result = execute(sql, *arguments)
            if "FROM" in sql and "call_due_at" in sql and "<=" in sql and not interleaved:
                interleaved.append(True)
                alarms._call()
            return result

        interleaved = []
        with connection.execute_wrapper(look_in_between):
            alarms.look()
        assert interleaved
        assert alarm.calls == [("waiting", "degraded")]

    def test_mail_to_the_admins(self, clock, settings, admins):
        settings.PICKYASSIST_WEBHOOKS = {
            **settings.PICKYASSIST_WEBHOOKS,
            "ALARM": "pickyassist_webhooks.alarms.mail_admins",
        }
        keep(delivery())
        clock.advance(minutes=6)
        alarms.look()
        [message] = mail.outbox
        assert message.subject.endswith("Picky Assist webhooks: waiting is degraded")
        assert message.body == "A request has been due for 6 minutes. Check that a worker runs.\n"


def test_of_two_processes_one_raises_the_alarm(edges, clock):
    """The second looks between the reading and the writing of the first."""
    keep(delivery())
    clock.advance(minutes=6)
    second = []

    def look_in_between(execute, sql, *arguments):
        if sql.startswith("UPDATE") and "alarm" in sql and not second:
            second.append(True)
            alarms.look()
        return execute(sql, *arguments)

    with connection.execute_wrapper(look_in_between):
        assert look(edges) == [("alarm_raised", "waiting", "degraded")]
    assert second


#: A process that looks when it is told to, and prints the signals that it sends.
PROCESS = """
import sys
from datetime import timedelta
import django
from django.conf import settings
django.setup()
settings.DATABASES["default"]["NAME"] = sys.argv[1]
from django.db import connections
connections["default"].settings_dict["NAME"] = sys.argv[1]
from django.utils import timezone
from pickyassist_webhooks import alarms, signals
now = timezone.now
timezone.now = lambda: now() + timedelta(minutes=int(sys.argv[2]))
def receiver(condition, level, **named):
    print(condition, level, flush=True)
signals.alarm_raised.connect(receiver)
print("ready", flush=True)
sys.stdin.readline()
alarms.look()
"""


@pytest.mark.django_db(transaction=True)
def test_over_real_processes_and_restarts():
    """Three at once, and one after them, notice each edge once."""
    keep(delivery())
    connection.close()

    def processes(count, minutes):
        command = [sys.executable, "-c", PROCESS, str(connection.settings_dict["NAME"]), minutes]
        environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
        running = [
            subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                cwd=ROOT,
                env=environment,
                text=True,
            )
            for _ in range(count)
        ]
        for process in running:
            assert process.stdout.readline() == "ready\n"
        for process in running:
            process.stdin.write("\n")
            process.stdin.flush()
        return sorted(line for process in running for line in process.communicate()[0].splitlines())

    assert processes(3, "6") == ["waiting degraded"]
    assert processes(1, "7") == []
    assert processes(3, "70") == ["waiting failing", "worker degraded"]


class TestTheWorkerLooks:
    def process(self, *arguments):
        call_command("pickyassist_process", *arguments, stdout=StringIO(), stderr=StringIO())

    def test_after_each_run(self, edges, listen, settings, clock):
        def broken(**named):
            raise ValueError

        listen("delivery_received", broken)
        settings.PICKYASSIST_WEBHOOKS = {**settings.PICKYASSIST_WEBHOOKS, "MAX_ATTEMPTS": 1}
        post(delivery())
        self.process()
        assert edges == [("alarm_raised", "dead", "degraded")]
        self.process()
        assert len(edges) == 1

    def test_at_most_once_a_minute(self, monkeypatch):
        looks = []
        monkeypatch.setattr(pickyassist_process, "look", lambda: looks.append(True))
        for number in range(3):
            keep(delivery(row(str(number))))
        self.process("--batch", "1")  # three batches
        assert len(looks) == 1

    @pytest.mark.django_db(transaction=True)
    def test_at_most_once_a_minute_in_a_loop(self, monkeypatch):
        looks = []
        monkeypatch.setattr(pickyassist_process, "look", lambda: looks.append(True))
        monkeypatch.setattr(pickyassist_process, "PAUSE", 0.01)
        Timer(1, signal.raise_signal, [signal.SIGTERM]).start()
        self.process("--loop")  # many sweeps
        assert len(looks) == 1

    def test_again_after_a_minute(self, monkeypatch):
        looks = []
        monkeypatch.setattr(pickyassist_process, "look", lambda: looks.append(True))
        monkeypatch.setattr(pickyassist_process, "LOOK", 0.0)
        for number in range(3):
            keep(delivery(row(str(number))))
        self.process("--batch", "1")
        assert len(looks) == 4


def test_an_alarm_is_named_by_its_condition():
    assert str(Alarm(condition="waiting")) == "waiting"


def test_a_database_that_takes_no_alarm(edges, monkeypatch, caplog):
    """After a failover it may be read-only; the report must come all the same."""

    def refuses(*args, **named):
        raise DatabaseError("read-only")

    monkeypatch.setattr(alarms, "_notice", refuses)
    assert alarms.look().conditions
    assert "Could not raise or clear alarms (DatabaseError)" in caplog.text
