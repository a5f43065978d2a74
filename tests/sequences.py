"""Recorded sequences of requests: their clock, and what is expected of the rows."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from pickyassist_webhooks.choices import EventKind
from pickyassist_webhooks.models import (
    MODELS,
    FilterReport,
    GroupMemberEvent,
    Message,
    NewSubscriber,
    WebhookRequest,
)

KINDS = {kind: kind for kind in EventKind.values} | {"filter_report": "whatsapp_filter"}


def named(cases):
    assert cases
    return pytest.mark.parametrize("case", cases, ids=[case["name"] for case in cases])


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
