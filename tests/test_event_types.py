"""How each kind is recognised, and which field of the vendor fills which column."""

from __future__ import annotations

import json

import pytest

from pickyassist_webhooks.parsing.payloads import parse

REPORT = {
    "msg_id": "900001",
    "push_id": "700001",
    "number": "15550001111",
    "status": 1,
    "reference_number": "ORD-1",
    "error_code": "131026",
    "error_message": "undeliverable",
}
#: A payload of each kind with all fields; if our column has another name, a pair.
KINDS = {
    1: REPORT
    | {
        "message": "hi",
        "message_type": "text",
        "media": "https://example.com/a.png",
        "channel_id": ("channel", "122"),
        "agent_id": "7",
        "template_id": "8",
        "source": "api",
    },
    2: REPORT,
    3: {
        "action": 1,
        "group_id": "A4100",
        "group_subject": "Team",
        "number": "15550001111",
        "application": ("channel", "8"),
    },
    4: {
        "subscriber_id": "ZZ100",
        "mobile": ("number", "15550001111"),
        "name": "Asha",
        "email": "asha@example.com",
        "profile_pic": "https://example.com/b.png",
        "channel": "919737001155",
        "message": "hi",
        "date": ("date_text", "yesterday"),
    },
}


def read(payload):
    return parse(json.dumps(payload).encode())


def values_of(event_id):
    return {name: v[1] if isinstance(v, tuple) else v for name, v in KINDS[event_id].items()}


def columns_of(event_id):
    pairs = [v if isinstance(v, tuple) else (name, v) for name, v in KINDS[event_id].items()]
    return dict(pairs) | ({"date": None} if event_id == 4 else {})


@pytest.mark.parametrize("event_id", KINDS)
def test_every_field_is_read(event_id):
    payload = read({"event_id": event_id, **values_of(event_id), "unknown": "x"})
    [event] = payload.events
    assert event.fields == columns_of(event_id)
    assert event.extra == {"unknown": "x"}
    assert not payload.warnings


@pytest.mark.parametrize("event_id", KINDS)
def test_names_are_case_sensitive(event_id):
    upper = {name.upper(): value for name, value in values_of(event_id).items()}
    [problem] = read({"event_id": event_id, **upper}).problems
    assert problem.code == "other_shape"


@pytest.mark.parametrize(
    ("event_id", "field"),
    [
        *((event_id, field) for event_id in (1, 2) for field in ("push_id", "msg_id", "status")),
        *((3, field) for field in ("group_id", "action")),
        *((event_id, field) for event_id in (4, 5) for field in ("subscriber_id", "mobile")),
    ],
)
def test_one_signature_field_is_enough(event_id, field):
    payload = read({"event_id": event_id, field: "1"})
    assert payload.events or payload.problems[0].code == "missing"


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("teambox_webhook", "event_description"),
        ("teambox_webhook", "event_name"),
        ("pull_report", "time"),
        ("pull_report", "message_type"),
        ("whatsapp_cloud_webhook", "entry"),
        ("whatsapp_cloud_webhook", "object"),
    ],
)
def test_one_field_identifies_a_foreign_payload(code, name):
    [problem] = read({name: "1"}).problems
    assert problem.code == code


@pytest.mark.parametrize(
    "fields",
    [
        {"event_id": 1, "status": "open"},
        {"event_id": 1, "data": {"status": "open"}},
        {"event_id": 3, "group_id": "A1"},
        {"event_id": 4, "mobile": "", "data": []},
    ],
)
def test_the_teambox_shares_fields_and_ids_with_events(fields):
    [problem] = read({"event_description": "Chat Assigned", "user": {}, **fields}).problems
    assert problem.code == "teambox_webhook"


def test_a_batch_of_bad_rows_may_have_a_field_of_another_webhook():
    payload = read({"event_id": 1, "message_type": "3", "data": [{"msg_id": "1"}]})
    assert [(each.path, each.code) for each in payload.problems] == [("data[0].status", "missing")]


def test_an_event_may_have_a_field_of_the_teambox():
    payload = read({"event_id": 1, "event_name": "x", "data": [{"msg_id": "1", "status": 1}, 7]})
    assert len(payload.events) == len(payload.problems) == 1


@pytest.mark.parametrize(
    ("event_id", "is_batch"), [(1, True), (2, True), (3, False), (4, False), (5, False)]
)
def test_a_batch_without_rows_is_recognised_by_its_id(event_id, is_batch):
    payload = read({"event_id": event_id, "data": []})
    assert [problem.code for problem in payload.problems] == ([] if is_batch else ["other_shape"])
