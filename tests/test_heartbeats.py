"""``pickyassist_process`` records its runs, and a system check warns if it never ran."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core import mail
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import OperationalError, connection

from pickyassist_webhooks.checks.processing import check_process_has_run
from pickyassist_webhooks.management.commands import pickyassist_process
from pickyassist_webhooks.models import Heartbeat, WebhookRequest
from pickyassist_webhooks.models.heartbeats import PROCESS
from tests.requests import keep, member

pytestmark = pytest.mark.django_db


@pytest.fixture
def outside_of_tests(monkeypatch):
    """Make the check treat this database as that of a project."""
    monkeypatch.delattr(mail, "outbox")


def process():
    call_command("pickyassist_process", stdout=StringIO(), stderr=StringIO())


def ids(**databases):
    return [message.id for message in check_process_has_run(**databases)]


def test_a_run_is_recorded(clock):
    process()
    before = Heartbeat.objects.get(name=PROCESS).last_at
    clock.advance(hours=1)
    process()
    heartbeat = Heartbeat.objects.get()
    assert (heartbeat.last_at - before).total_seconds() >= 3600
    assert str(heartbeat) == "pickyassist_process"


@pytest.mark.usefixtures("outside_of_tests")
class TestCheck:
    def test_warns_if_receivers_are_connected(self, listen):
        listen("delivery_received")
        assert ids() == ["pickyassist_webhooks.W009"]

    def test_warns_if_the_server_does_not_process(self, settings):
        settings.PICKYASSIST_WEBHOOKS = {**settings.PICKYASSIST_WEBHOOKS, "PROCESSOR": "none"}
        assert ids() == ["pickyassist_webhooks.W009"]

    def test_is_silent_if_nothing_can_be_left(self):
        assert ids() == []

    def test_is_silent_after_a_run(self, listen):
        listen("delivery_received")
        process()
        assert ids() == []

    def test_reads_only_the_given_databases(self, listen):
        listen("delivery_received")
        assert ids(databases=["default"]) == ["pickyassist_webhooks.W009"]
        assert ids(databases=["other"]) == []

    def test_does_not_fail_without_the_table(self, listen):
        listen("delivery_received")

        def refuse(execute, *arguments):
            raise connection.Database.OperationalError("no such table")

        with connection.execute_wrapper(refuse):
            assert ids() == []

    @pytest.mark.django_db(databases="__all__")  # Django 6.1 checks all that are configured
    def test_does_not_warn_in_the_first_run_itself(self, listen):
        listen("delivery_received")
        errors = StringIO()
        call_command("pickyassist_process", stdout=StringIO(), stderr=errors, skip_checks=False)
        assert "W009" not in errors.getvalue()

    @pytest.mark.django_db(databases="__all__")
    def test_a_run_that_is_refused_is_none(self, settings, tmp_path):
        (tmp_path / "file").touch()
        spool = {"SPOOL_DIR": tmp_path / "file"}
        settings.PICKYASSIST_WEBHOOKS = (
            settings.PICKYASSIST_WEBHOOKS | spool | {"PROCESSOR": "none"}
        )
        with pytest.raises(SystemCheckError, match="E008"):
            call_command("pickyassist_process", stderr=StringIO(), skip_checks=False)
        assert ids() == ["pickyassist_webhooks.W009"]


def test_a_long_run_is_recorded_meanwhile(listen, monkeypatch):
    """Also within a batch: its receivers may take longer than the pause between two heartbeats."""
    monkeypatch.setattr(pickyassist_process, "BEAT", 0.0)
    moments = []
    listen("member_joined", lambda **named: moments.append(Heartbeat.objects.get().last_at))
    for number in range(3):
        keep(member(number=str(number)))
    process()
    assert len(set(moments)) == 3


def test_a_heartbeat_that_fails_ends_no_run(listen, monkeypatch):
    monkeypatch.setattr(pickyassist_process, "BEAT", 0.0)
    beats = []

    def refuse(name):
        beats.append(name)
        if len(beats) > 1:
            raise OperationalError

    monkeypatch.setattr(pickyassist_process, "beat", refuse)
    keep(member())
    process()
    assert WebhookRequest.objects.get().state == "done"


def test_does_not_warn_in_the_tests_of_a_project(listen):
    listen("delivery_received")
    assert ids() == []
