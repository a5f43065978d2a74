"""Each condition changes its level exactly at its border: a stopped clock, one second around it."""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone

import pytest
from django.db import DatabaseError, connection

from pickyassist_webhooks import health, ingest
from pickyassist_webhooks.choices import Level
from pickyassist_webhooks.health import reconciling
from pickyassist_webhooks.inbox.refusals import refusals
from pickyassist_webhooks.models import WebhookRequest
from pickyassist_webhooks.models.heartbeats import PROCESS, beat
from pickyassist_webhooks.pushes import record_push
from pickyassist_webhooks.testing import push_answer
from tests.requests import delivery, keep, post, row, url

pytestmark = pytest.mark.django_db

OK, DEGRADED, FAILING = Level
SECOND, MINUTE, HOUR, DAY = (
    timedelta(seconds=seconds) for seconds in (1, 60, 60 * 60, 24 * 60 * 60)
)
BEGAN = datetime(2026, 3, 4, 10, 20, 30, tzinfo=timezone.utc)


@pytest.fixture
def at(monkeypatch):
    """Return a function that sets the clock to so long after the beginning."""

    def set_clock(age):
        monkeypatch.setattr("django.utils.timezone.now", lambda: BEGAN + age)

    set_clock(timedelta())
    return set_clock


@pytest.fixture
def configure(settings):
    def configure(**keys):
        settings.PICKYASSIST_WEBHOOKS = {**settings.PICKYASSIST_WEBHOOKS, **keys}

    return configure


@pytest.fixture
def border(at):
    """Return a function that checks the levels one second before, and at, the ages of borders."""

    def check(name, **borders):
        before = OK
        for level_name, age in borders.items():
            after = Level(level_name)
            for moment, expected in ((age - SECOND, before), (age, after)):
                at(moment)
                levels = {each.condition: each.level for each in health.report().conditions}
                assert levels[name] == expected, (name, moment)
            before = after

    return check


def broken(**named):
    raise ValueError


def test_waiting(border):
    keep(delivery())
    border("waiting", degraded=5 * MINUTE, failing=HOUR)


def test_a_worker_that_never_ran(border):
    keep(delivery())
    border("worker", degraded=15 * MINUTE, failing=DAY)


def test_a_worker_that_stopped(border, at):
    beat(PROCESS)
    at(MINUTE)
    keep(delivery())
    border("worker", degraded=15 * MINUTE, failing=DAY)


def test_receivers(border, listen):
    listen("delivery_received", broken)
    post(delivery())
    border("receivers", degraded=HOUR)


def test_a_receiver_that_fails_in_a_replay(border, at, listen):
    post(delivery())
    replayed_at = 3 * DAY
    at(replayed_at)
    listen("delivery_received", broken)
    ingest.replay(WebhookRequest.objects.get().pk)
    border("receivers", degraded=replayed_at + HOUR)


def test_spool(border, configure, tmp_path):
    def refuse(execute, *arguments):
        raise DatabaseError

    configure(SPOOL_DIR=tmp_path)
    with connection.execute_wrapper(refuse):
        assert post(delivery()).json()["state"] == "spooled"
    [file] = tmp_path.iterdir()
    os.utime(file, (BEGAN.timestamp(), BEGAN.timestamp()))
    border("spool", degraded=5 * MINUTE, failing=HOUR)


@pytest.mark.parametrize(
    ("gap", "age"),
    [
        (3 * HOUR, 3 * HOUR + SECOND),  # longer than ever
        (MINUTE, HOUR),  # and at least an hour
        (HOUR, HOUR + SECOND),
    ],
)
def test_silence(border, at, gap, age):
    for number in range(3):
        at(number * gap)
        post(delivery(row(str(number))))
    border("silence", degraded=2 * gap + age)


def test_a_silence_of_the_settings(border, configure):
    configure(SILENCE={"delivery_report": 90})
    post(delivery())
    border("silence", degraded=91 * SECOND)


def test_refused(at, border):
    def guess(times):
        for _ in range(times):
            post({}, to=url("a-strangers-guess"))

    def level():
        return {each.condition: each.level for each in health.report().conditions}["refused"]

    guess(10)
    assert level() == OK
    guess(1)
    assert level() == DEGRADED
    refusals.write()
    for age, expected in ((59 * MINUTE, DEGRADED), (HOUR, DEGRADED), (61 * MINUTE, OK)):
        at(age)
        assert level() == expected, age


def test_quarantined():
    def level():
        return {each.condition: each.level for each in health.report().conditions}["quarantined"]

    for number in range(19):
        post(delivery(row(str(number))))
    post({"event_id": 99})
    assert level() == OK  # exactly 5 %
    post({"event_id": 99})
    assert level() == DEGRADED


@pytest.mark.parametrize("kind", ["bodies", "events"])
def test_retention(border, configure, kind):
    configure(RETENTION_DAYS={kind: 7})
    post(delivery())
    border("retention", degraded=9 * DAY)


def test_reconcile(border, configure, at):
    configure(API_TOKENS={"4100": "a-token"}, RECONCILE_AFTER=3600)
    record_push(push_answer({}), project_id="4100")
    border("reconcile", degraded=HOUR + DAY)
    configure(API_TOKENS={})  # reconciling is off
    border("reconcile")
    assert {each.level for each in health.report().conditions} == {OK}


def test_many_pushes_of_which_all_reports_came(configure, border, monkeypatch):
    """The report reads a fixed number of them: no run of the command has settled them."""
    monkeypatch.setattr(reconciling, "_MOST", 3)
    configure(API_TOKENS={"4100": "a-token"}, RECONCILE_AFTER=3600)
    for _ in range(3):
        answer = push_answer({})
        record_push(answer, project_id="4100")
        report = row(answer["data"][0]["msg_id"], "1", push_id=answer["push_id"])
        post(delivery(report, project_id="4100"))
    border("reconcile", degraded=HOUR + DAY)


def test_a_settled_push_does_not_wait(configure, at):
    configure(API_TOKENS={"4100": "a-token"})
    answer = push_answer({})
    record_push(answer, project_id="4100")
    [message] = answer["data"]
    report = row(message["msg_id"], "1", push_id=answer["push_id"])
    post(delivery(report, project_id="4100"))
    at(2 * DAY)
    assert {each.level for each in health.report().conditions} == {OK}
