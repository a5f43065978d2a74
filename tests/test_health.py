"""Each condition of the health report, at both levels and back."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from pickyassist_webhooks import health, ingest
from pickyassist_webhooks.choices import Level, RequestState
from pickyassist_webhooks.health import attention, facts
from pickyassist_webhooks.health.reports import CONDITIONS
from pickyassist_webhooks.health.retention import _SAMPLE
from pickyassist_webhooks.inbox.sweep import sweep
from pickyassist_webhooks.management.commands import pickyassist_health
from pickyassist_webhooks.models import (
    GroupMemberEvent,
    Heartbeat,
    ReceiverFailure,
    WebhookRequest,
)
from pickyassist_webhooks.models.heartbeats import PROCESS, beat
from tests.requests import chat, delivery, filtered, keep, member, post, row, url

pytestmark = pytest.mark.django_db

OK, DEGRADED, FAILING = Level
URL = reverse("pickyassist_webhooks_health:report")


def condition(name):
    [condition] = [each for each in health.report().conditions if each.condition == name]
    return condition


def level(name):
    return condition(name).level


def configure(settings, **changed):
    settings.PICKYASSIST_WEBHOOKS = {**settings.PICKYASSIST_WEBHOOKS, **changed}


def broken(**named):
    raise ValueError


def test_a_project_that_has_received_nothing_is_ok():
    report = health.report()
    assert [each.condition for each in report.conditions] == ["database", *CONDITIONS]
    assert {each.level for each in report.conditions} == {OK}
    assert report.status == OK


def test_usual_traffic_is_ok():
    post(delivery())
    post(filtered())
    assert health.report().status == OK


def test_waiting(clock):
    keep(delivery())
    reason = "A request has been due for 0 minutes. Check that a worker runs."
    assert condition("waiting").reason == reason
    for minutes, expected in ((4, OK), (2, DEGRADED), (52, DEGRADED), (3, FAILING)):
        clock.advance(minutes=minutes)
        assert level("waiting") == expected
    assert "1 hour" in condition("waiting").reason
    sweep()
    assert condition("waiting").reason == "No request waits."


def test_a_claimed_request_does_not_wait(clock):
    kept = keep(delivery())
    clock.advance(hours=2)
    assert WebhookRequest.objects.all().claim([kept.pk])
    assert level("waiting") == OK


class TestWorker:
    def test_that_ran_and_stopped(self, clock):
        beat(PROCESS)
        clock.advance(days=2)
        assert level("worker") == OK
        reason = "Nothing waits for pickyassist_process, which ran 2 days ago."
        assert condition("worker").reason == reason
        keep(delivery())
        assert level("worker") == FAILING
        beat(PROCESS)
        for minutes, expected in ((14, OK), (2, DEGRADED), (23 * 60, DEGRADED), (60, FAILING)):
            clock.advance(minutes=minutes)
            assert level("worker") == expected
        beat(PROCESS)
        assert condition("worker").reason == "pickyassist_process ran 0 minutes ago."

    def test_that_never_ran(self, clock):
        keep(delivery())
        for minutes, expected in ((14, OK), (2, DEGRADED), (23 * 60, DEGRADED), (60, FAILING)):
            clock.advance(minutes=minutes)
            assert level("worker") == expected
        assert "has never run, and something has waited for 1 day" in condition("worker").reason

    def test_that_must_call_a_receiver_again(self, clock, listen):
        listen("delivery_received", broken)
        post(delivery())
        assert level("worker") == OK  # the next call is not due yet
        clock.advance(minutes=16)
        assert level("worker") == DEGRADED

    def test_that_must_store_spooled_requests(self, clock, settings, tmp_path):
        spooled(settings, tmp_path)
        clock.advance(minutes=16)
        assert level("worker") == DEGRADED


def test_dead(listen, settings, monkeypatch):
    monkeypatch.setattr(facts, "MOST_DEAD", 2)
    monkeypatch.setattr(attention, "MOST_DEAD", 2)
    configure(settings, MAX_ATTEMPTS=1)
    listen("delivery_received", broken)
    for number in range(3):
        post(delivery(row(str(number))))
        assert level("dead") == DEGRADED
    assert condition("dead").reason.startswith("2+ requests failed permanently.")
    for request in WebhookRequest.objects.all()[:2]:
        ingest.discard(request.pk, "x", "test")
    assert condition("dead").reason.startswith("1 request failed permanently.")
    ingest.discard(WebhookRequest.objects.get(state=RequestState.DEAD).pk, "x", "test")
    assert level("dead") == OK


class TestQuarantined:
    def test_more_than_a_twentieth_of_a_day(self, clock):
        for number in range(19):
            post(delivery(row(str(number))))
        post({"event_id": 99})
        assert level("quarantined") == OK  # exactly 5 %
        post({"event_id": 99})
        assert "10% of the requests of the last 24 hours" in condition("quarantined").reason
        assert level("quarantined") == DEGRADED
        clock.advance(days=1, minutes=1)
        assert level("quarantined") == OK

    def test_until_it_is_discarded(self):
        post({"event_id": 99})
        assert level("quarantined") == DEGRADED
        ingest.discard(WebhookRequest.objects.get().pk, "x", "test")
        assert level("quarantined") == OK

    @pytest.mark.parametrize(("bad", "expected"), [(10, OK), (60, DEGRADED)])
    def test_a_busy_day_is_judged_by_a_sample(self, bad, expected, monkeypatch):
        monkeypatch.setattr(facts, "MOST_OF_DAY", 100)
        monkeypatch.setattr(attention, "MOST_OF_DAY", 100)
        monkeypatch.setattr(attention, "_PER_RANGE", 5)
        now = timezone.now()
        WebhookRequest.objects.bulk_create(
            WebhookRequest.objects.new(
                b"{}",
                received_at=now - timedelta(seconds=number),
                state=RequestState.QUARANTINED if number < bad else RequestState.DONE,
            )
            for number in range(600)
        )
        with CaptureQueriesContext(connection) as captured:
            assert attention.quarantined(facts.Facts(now))[0] == expected
        assert len(captured) == 3
        assert attention._share_of_day(facts.Facts(now))[1] == 100


class TestReceivers:
    def test_since_the_first_failure(self, clock, listen):
        calls = []

        def receiver(**named):
            calls.append(named)
            raise ValueError

        listen("delivery_received", receiver)
        post(delivery())
        assert level("receivers") == OK
        clock.advance(minutes=59)
        sweep()
        assert len(calls) == 2
        clock.advance(minutes=2)
        assert level("receivers") == DEGRADED  # though it was called again two minutes ago
        assert "receiver has failed for 1 hour" in condition("receivers").reason

    def test_until_it_succeeds(self, clock, listen):
        errors = [ValueError()]

        def receiver(**named):
            if errors:
                raise errors.pop()

        listen("delivery_received", receiver)
        post(delivery())
        clock.advance(hours=2)
        assert level("receivers") == DEGRADED
        sweep()
        assert not ReceiverFailure.objects.exists()
        assert level("receivers") == OK


def spooled(settings, folder):
    configure(settings, SPOOL_DIR=folder)

    def refuse(execute, sql, *arguments):
        if "webhookrequest" in sql:
            raise DatabaseError
        return execute(sql, *arguments)

    with connection.execute_wrapper(refuse):
        assert post(delivery()).json()["state"] == "spooled"


class TestSpool:
    @pytest.mark.django_db(transaction=True)
    def test_the_oldest_file(self, clock, settings, tmp_path):
        spooled(settings, tmp_path)
        assert level("spool") == OK
        for minutes, expected in ((6, DEGRADED), (53, DEGRADED), (2, FAILING)):
            clock.advance(minutes=minutes)
            assert level("spool") == expected
        sweep()
        assert condition("spool").reason == "No request is in the spool."

    def test_another_tenants_file(self, settings, tmp_path, monkeypatch):
        configure(settings, SPOOL_SCOPE="tests.test_health.tenant")
        spooled(settings, tmp_path)
        for file in tmp_path.iterdir():
            os.utime(file, (0, 0))
        assert level("spool") == FAILING
        monkeypatch.setattr("tests.test_health.tenant", lambda: "another")
        assert level("spool") == OK

    def test_an_unfinished_file_is_none(self, settings, tmp_path):
        configure(settings, SPOOL_DIR=tmp_path)
        (tmp_path / "x.part").touch()
        assert level("spool") == OK

    def test_a_folder_that_cannot_be_read(self, settings, tmp_path):
        folder = tmp_path / "file"
        folder.touch()
        configure(settings, SPOOL_DIR=folder)
        assert condition("spool").reason == "SPOOL_DIR cannot be read (NotADirectoryError)."
        assert level("spool") == DEGRADED
        assert level("worker") == OK

    def test_a_folder_that_is_not_there_yet(self, settings, tmp_path):
        configure(settings, SPOOL_DIR=tmp_path / "spool")
        assert level("spool") == OK


def tenant():
    return "mine"


class TestSilence:
    def come(self, clock, *hours, send=delivery, project="4100"):
        """Receive an event after each of these gaps."""
        for number, gap in enumerate(hours):
            clock.advance(hours=gap)
            unlike = f"{clock.ahead}{number}"
            rows = {delivery: [row(unlike)], chat: [unlike]}.get(send, [])
            assert post(send(*rows, project_id=project)).json()["ok"]

    def test_longer_than_ever(self, clock):
        self.come(clock, 0, 3, 1, 2)
        clock.advance(hours=2, minutes=59)
        assert level("silence") == OK
        clock.advance(minutes=2)
        assert condition("silence").reason == (
            "No delivery report of project 4100 has come for 3 hours. "
            "Check the URL in Picky Assist."
        )
        self.come(clock, 0)
        assert level("silence") == OK

    def test_less_than_an_hour_is_no_silence(self, clock):
        self.come(clock, 0, 0.1, 0.1)
        clock.advance(minutes=59)
        assert level("silence") == OK
        clock.advance(minutes=2)
        assert level("silence") == DEGRADED

    def test_one_gap_says_nothing(self, clock):
        self.come(clock, 0, 1)
        clock.advance(days=5)
        assert level("silence") == OK

    def test_gaps_of_long_ago_say_nothing(self, clock):
        self.come(clock, 0, 100, 1, 1)
        clock.advance(hours=90)
        assert level("silence") == OK
        for _ in range(29):
            self.come(clock, 24)
        clock.advance(hours=25)
        assert level("silence") == DEGRADED  # the gap of 100 hours is forgotten
        clock.advance(days=28)
        assert level("silence") == OK  # so long a silence is the usual one

    def test_each_project_and_kind_for_itself(self, clock):
        for project in ("1", "2"):
            self.come(clock, 0, 1, 1, project=project)
        self.come(clock, 0, 1, 1, send=filtered)
        clock.advance(hours=1)
        self.come(clock, 0, project="2")
        report = condition("silence").reason
        assert report.startswith("No delivery report of project 1 has come for 5 hours.")
        clock.advance(hours=5)
        assert "1 more kind or project is silent." in condition("silence").reason

    def test_as_the_settings_say(self, clock, settings):
        configure(settings, SILENCE={"delivery_report": 60, "filter_report": None})
        self.come(clock, 0)
        self.come(clock, 0, 1, 1, send=filtered)
        assert "No delivery report" in condition("silence").reason
        configure(settings, SILENCE={"delivery_report": None, "filter_report": None})
        clock.advance(days=3)
        assert level("silence") == OK

    def test_of_chat_messages(self, clock, settings):
        self.come(clock, 0, 1, 2, send=chat)
        self.come(clock, 0, 1, 2)
        clock.advance(hours=2)
        self.come(clock, 0)
        assert condition("silence").reason == (
            "No chat message of project 4100 has come for 5 hours. Check the URL in Picky Assist."
        )
        configure(settings, SILENCE={"chat_message": 6 * 3600})
        assert level("silence") == OK
        clock.advance(hours=1, minutes=1)
        assert condition("silence").reason.startswith("No chat message")

    def test_without_a_project(self, clock):
        self.come(clock, 0, 1, 1, project="")
        clock.advance(hours=2)
        assert "of project ?" in condition("silence").reason


def test_refused(clock):
    for _ in range(10):
        post({}, to=url("a-strangers-guess"))
    assert level("refused") == OK
    assert condition("refused").reason == "10 requests had a wrong secret in the last hour."
    post({}, to=url("a-strangers-guess"))
    assert level("refused") == DEGRADED
    clock.advance(minutes=62)
    assert level("refused") == OK


class TestRetention:
    def test_without_the_setting(self, clock):
        post(delivery())
        clock.advance(days=4000)
        assert level("retention") == OK

    @pytest.mark.parametrize("kind", ["bodies", "events"])
    def test_rows_that_are_not_deleted(self, kind, clock, settings):
        configure(settings, RETENTION_DAYS={kind: 10})
        post(delivery())
        clock.advance(days=9)
        assert level("retention") == OK
        clock.advance(days=2, hours=23)
        assert level("retention") == OK
        clock.advance(hours=2)
        assert level("retention") == DEGRADED
        call_command("pickyassist_prune", interactive=False, stdout=StringIO())
        assert level("retention") == OK

    def test_rows_that_wait_for_a_person(self, clock, settings, listen):
        configure(settings, RETENTION_DAYS={"bodies": 1, "events": 1}, MAX_ATTEMPTS=1)
        listen("delivery_received", broken)
        post(delivery())
        clock.advance(days=4)
        assert level("retention") == OK

    def test_more_of_those_than_are_read(self, clock, settings, listen):
        configure(settings, RETENTION_DAYS={"events": 1}, MAX_ATTEMPTS=1)
        listen("delivery_received", broken)
        post(delivery(*(row(str(number)) for number in range(_SAMPLE))))
        clock.advance(hours=1)
        post(member())
        post(delivery(row("one more")))
        assert WebhookRequest.objects.filter(state="dead").count() == 2
        clock.advance(days=4)
        assert level("retention") == DEGRADED  # the member
        GroupMemberEvent.objects.all().delete()
        assert level("retention") == OK
        WebhookRequest.objects.filter(event_count=1).update(state="done")
        assert level("retention") == DEGRADED


def refuse_all(execute, *arguments):
    raise DatabaseError


def test_a_database_that_cannot_be_read(settings, tmp_path):
    spooled(settings, tmp_path)
    with connection.execute_wrapper(refuse_all):
        report = health.report()
    assert report.status == FAILING
    assert [each.condition for each in report.conditions] == ["database", "spool"]
    assert (
        report.conditions[0].reason
        == "The database cannot be read (DatabaseError). On a new one, run migrate first."
    )


class TestUrl:
    def test_strangers_see_the_status_only(self, clock):
        assert Client().get(URL).json() == {"status": "ok"}
        keep(delivery())
        clock.advance(minutes=6)
        answer = Client().get(URL)
        assert (answer.status_code, answer.json()) == (200, {"status": "degraded"})
        clock.advance(hours=1)
        answer = Client().get(URL)
        assert (answer.status_code, answer.json()) == (503, {"status": "failing"})
        assert "no-store" in answer["Cache-Control"]

    @pytest.mark.parametrize(
        ("names", "keys"),
        [((), ["status"]), (("view_webhookrequest",), ["status", "conditions"])],
    )
    def test_conditions_are_for_those_who_may_view_requests(self, names, keys, login):
        answer = login(*names).get(URL).json()
        assert list(answer) == keys
        if names:
            assert answer == health.report().as_dict()
            assert set(answer["conditions"][0]) == {"condition", "level", "reason"}

    def test_without_a_database(self, login):
        client = login("view_webhookrequest")
        with connection.execute_wrapper(refuse_all):
            answer = client.get(URL)
        assert (answer.status_code, answer.json()) == (503, {"status": "failing"})

    def test_reads_only(self):
        assert Client().head(URL).status_code == 200
        assert Client().post(URL).status_code == 405


class TestCommand:
    def run(self, *arguments, **options):
        output, code = StringIO(), 0
        try:
            call_command("pickyassist_health", *arguments, stdout=output, **options)
        except SystemExit as err:
            code = err.code
        return code, output.getvalue()

    def test_a_line_for_each_condition(self):
        code, output = self.run()
        assert code == 0
        lines = output.splitlines()
        assert len(lines) == len(CONDITIONS) + 1
        assert lines[1] == "ok        waiting: No request waits."

    def test_exit_codes(self, clock):
        keep(delivery())
        clock.advance(minutes=6)
        code, output = self.run(verbosity=0)
        assert code == 1
        assert output == (
            "degraded  waiting: A request has been due for 6 minutes. Check that a worker runs.\n"
        )
        clock.advance(hours=1)
        assert self.run()[0] == 2

    def test_a_fault_of_the_report_is_no_report(self, monkeypatch):
        """A monitor takes an exit code of 1 for *degraded*."""
        monkeypatch.setattr(pickyassist_health, "look", lambda: 1 / 0)
        errors = StringIO()
        assert self.run(stderr=errors) == (2, "")
        assert "ZeroDivisionError" in errors.getvalue()

    def test_json(self, clock):
        keep(delivery())
        clock.advance(hours=2)
        code, output = self.run("--json")
        assert code == 2
        answer = json.loads(output)
        assert answer == health.report().as_dict()
        assert answer["status"] == "failing"

    def test_without_a_database(self):
        with connection.execute_wrapper(refuse_all):
            code, output = self.run()
        assert code == 2
        assert output.startswith("failing   database: The database cannot be read")

    def test_it_is_no_run_of_the_worker(self):
        self.run()
        assert not Heartbeat.objects.exists()


def test_local_times(settings, clock):
    settings.USE_TZ = False
    keep(delivery())
    clock.advance(minutes=6)
    assert level("waiting") == DEGRADED
    assert level("worker") == OK
