"""Every recorded case and sequence: the answer, the exact bytes, the rows, and a replay."""

from __future__ import annotations

import base64
import logging
from datetime import datetime

import pytest

from pickyassist_webhooks import ingest
from pickyassist_webhooks.choices import RequestState
from pickyassist_webhooks.models import (
    MODELS,
    DeliveryReport,
    Message,
    NewSubscriber,
    WebhookRequest,
)
from tests.cases import CASES, FORBIDDEN_KEYS, SEQUENCES, outcome, send
from tests.requests import SECRET, member, post
from tests.sequences import KINDS, Clock, check_sequence, named

pytestmark = pytest.mark.django_db


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
            column, _, key = name.partition(".")
            value = getattr(model.objects.first(), column)
            assert (value[key] if key else value) == expected


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
