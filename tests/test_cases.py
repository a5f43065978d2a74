"""Every recorded case and sequence: the answer, the exact bytes, the rows, and a replay."""

from __future__ import annotations

import base64
import logging
from datetime import datetime, timedelta, timezone

import pytest

from pickyassist_webhooks import ingest
from pickyassist_webhooks.choices import EventKind, RequestState
from pickyassist_webhooks.models import (
    MODELS,
    DeliveryReport,
    FilterReport,
    GroupMemberEvent,
    Message,
    NewSubscriber,
    WebhookRequest,
)
from tests.cases import CASES, FORBIDDEN_KEYS, SEQUENCES, outcome, send
from tests.requests import SECRET, member, post

KINDS = {kind: kind for kind in EventKind.values} | {"filter_report": "whatsapp_filter"}

pytestmark = pytest.mark.django_db


def named(cases):
    assert cases
    return pytest.mark.parametrize("case", cases, ids=[case["name"] for case in cases])


def rows_by_kind():
    counted = {KINDS[kind]: model.objects.count() for kind, model in MODELS.items()}
    return {kind: count for kind, count in counted.items() if count}


@named(CASES)
def test_case(case, caplog):
    body, expect = base64.b64decode(case["body_b64"]), case["expect"]
    caplog.set_level(logging.DEBUG)

    response = send(case, body)

    classes = expect["status_class"].split("|")
    assert f"{response.status_code // 100}xx" in classes
    check_answer(response, body)
    if expect["stored_raw"] is not None:
        kept = [bytes(request.body) for request in WebhookRequest.objects.all()]
        assert kept == ([body] if expect["stored_raw"] else [])
    if expect["events"] is not None:
        assert rows_by_kind() == expect["events"]
    if expect["quarantined"] is not None:
        assert sum(r.problem_count for r in WebhookRequest.objects.all()) == expect["quarantined"]
    check_fields(expect.get("fields", {}))
    check_replays()
    check_logs(caplog)
    assert post(member(group_id="another", number="1")).json()["accepted"] == 1


def check_answer(response, body):
    assert response["Content-Type"] == "application/json"
    assert len(response.content) <= 4096
    answer = response.json()
    assert isinstance(answer, dict)
    assert not FORBIDDEN_KEYS & set(answer)
    assert SECRET.encode() not in response.content
    assert len(body) < 40 or body not in response.content


def check_fields(fields):
    for name, expected in fields.items():
        if name == "current":
            statuses = dict(Message.objects.values_list("msg_id", "status"))
            assert statuses == expected
        elif name == "date_utc":
            date = NewSubscriber.objects.get().date
            assert date == datetime.fromisoformat(expected.replace("Z", "+00:00"))
        else:
            model = next(model for model in MODELS.values() if model.objects.exists())
            assert getattr(model.objects.first(), name) == expected


def check_replays():
    for request in WebhookRequest.objects.all():
        before = outcome(request), rows_by_kind()
        for _ in range(2):
            assert (outcome(ingest.replay(request.pk)), rows_by_kind()) == before


def check_logs(caplog):
    formatter = logging.Formatter()
    for record in caplog.records:
        line = formatter.format(record)
        assert SECRET not in line
        if not record.name.startswith("django.db"):
            assert "\n" not in line


class Clock:
    """The server's clock, set by each step and free to run backwards."""

    def __init__(self, monkeypatch):
        self.now = datetime(2026, 1, 1, tzinfo=timezone.utc)
        monkeypatch.setattr("django.utils.timezone.now", lambda: self.now)

    def set(self, seconds):
        self.now = datetime(2026, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=seconds)


def check_sequence(expect):
    for kind, count in expect["history"].items():
        model = next(model for name, model in MODELS.items() if KINDS[name] == kind)
        assert model.objects.count() == count
    for key, facts in expect.get("current", {}).items():
        project_id, msg_id = key.split("|")
        message = Message.objects.get(project_id=project_id, msg_id=msg_id)
        assert {name: getattr(message, name) for name in facts} == facts
    for key, verdict in expect.get("filters", {}).items():
        project_id, rest = key.split("|")
        report = FilterReport.objects.filter(project_id=project_id, msg_id=rest).last()
        number = report.number if report else rest
        current = FilterReport.objects.verdicts().get(project_id=project_id, number=number)
        assert current.status == verdict
    for key, membership in expect.get("members", {}).items():
        group_id, number = key.split("|")
        inside = GroupMemberEvent.objects.members_of(group_id).filter(number=number).exists()
        assert inside == (membership == "in")
    if "subscribers" in expect:
        assert NewSubscriber.objects.current().count() == expect["subscribers"]
    for key, name in expect.get("names", {}).items():
        project_id, subscriber_id = key.split("|")
        current = NewSubscriber.objects.current()
        assert current.get(project_id=project_id, subscriber_id=subscriber_id).name == name
    if "duplicates" in expect:
        repeats = WebhookRequest.objects.values_list("repeat_count", flat=True)
        assert sum(repeats) == expect["duplicates"]


@named(SEQUENCES)
def test_sequence(case, monkeypatch):
    clock = Clock(monkeypatch)
    for step in case["steps"]:
        clock.set(step["at"])
        assert post(step["body"]).status_code == 200
    check_sequence(case["expect"])
    for request in WebhookRequest.objects.all():
        ingest.replay(request.pk)
    check_sequence(case["expect"])


@named(SEQUENCES)
def test_sequence_processed_backwards(case, monkeypatch, settings):
    """If workers process later requests first, history and current state are the same."""
    settings.PICKYASSIST_WEBHOOKS = settings.PICKYASSIST_WEBHOOKS | {"PROCESSOR": "none"}
    clock = Clock(monkeypatch)
    for step in case["steps"]:
        clock.set(step["at"])
        assert post(step["body"]).json()["state"] == RequestState.RECEIVED
    clock.set(10**6)
    for pk in WebhookRequest.objects.order_by("-pk").values_list("pk", flat=True):
        assert ingest.process(pk).state == RequestState.DONE
    check_sequence(case["expect"])
    assert DeliveryReport.objects.filter(previous_status=None).count() == Message.objects.count()
