"""An answer of the delivery report API becomes events, as a request does."""

from __future__ import annotations

import pytest

from pickyassist_webhooks.parsing.payloads import parse_pulled
from pickyassist_webhooks.parsing.values import Problem


def test_the_documented_answer():
    body = (
        b'{"project_id":"41","push_id":700001,"application":"8","message_type":"3",'
        b'"time":"05-02-2024 03:07 PM","data":[{"number":"15550001111","msg_id":"900001",'
        b'"status":"1","error_code":"","error_message":""}]}'
    )
    payload = parse_pulled(body, "4100")
    assert (payload.kind, payload.project_id) == ("delivery_report", "4100")
    assert not payload.problems
    [event] = payload.events
    fields = {name: value for name, value in event.fields.items() if value != ""}
    assert fields == {
        "msg_id": "900001",
        "push_id": "700001",
        "number": "15550001111",
        "status": 1,
        "channel": "8",
    }
    assert event.extra == {"message_type": "3", "time": "05-02-2024 03:07 PM"}


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"{}", Problem("data", "missing", "a list of rows")),
        (
            b'{"data": [], "push_id": []}',
            Problem("push_id", "wrong_type", "a text or a whole number"),
        ),
        (
            b'{"data": [%s1]}' % (b"1," * 15000),
            Problem("data", "too_many_rows", "at most 15000 rows"),
        ),
        (b'{"data": [7]}', Problem("data[0]", "wrong_type", "an object")),
        (b'{"data": 5}', Problem("data", "wrong_type", "a list of rows")),
        (b'{"data": "none"}', Problem("data", "wrong_type", "a list of rows")),
    ],
)
def test_problems(body, problem):
    payload = parse_pulled(body, "41")
    assert payload.problems == [problem]
    assert payload.events == []


@pytest.mark.parametrize(("body", "code"), [(b"<html>", "not_json"), (b"[]", "not_an_object")])
def test_no_object(body, code):
    payload = parse_pulled(body, "41")
    assert [problem.code for problem in payload.problems] == [code]
    assert payload.events == []


def test_without_a_project():
    body = b'{"project_id": 41, "push_id": 7, "data": [{"msg_id": "1", "status": 1}]}'
    assert parse_pulled(body, "").project_id == "41"
    assert parse_pulled(body, "42").project_id == "42"


def test_a_row_without_an_id_of_its_message():
    body = b'{"push_id": 7, "data": [{"number": "15550001111", "status": 2}]}'
    [event] = parse_pulled(body, "41").events
    assert (event.fields["push_id"], event.fields["msg_id"]) == ("7", "")


def test_the_value_of_a_row_counts():
    body = b'{"push_id": 7, "application": 8, "data": [{"msg_id": "1", "status": 1, "push_id": 9}]}'
    [event] = parse_pulled(body, "41").events
    assert (event.fields["push_id"], event.fields["channel"]) == ("9", "8")


@pytest.mark.parametrize("blank", [b"null", b'""'])
def test_a_blank_value_of_a_row_does_not_count(blank):
    body = b'{"push_id": 7, "data": [{"number": "15550001111", "status": 2, "push_id": %s}]}'
    [event] = parse_pulled(body % blank, "41").events
    assert event.fields["push_id"] == "7"


@pytest.mark.parametrize(
    "data",
    [
        b'"[{\\"msg_id\\": \\"1\\", \\"status\\": 1}]"',
        b'{"0": {"msg_id": "1", "status": 1}, "x": 5}',
        b'{"msg_id": "1", "status": 1}',
    ],
)
def test_rows_are_found_as_in_events(data):
    [event] = parse_pulled(b'{"push_id": 7, "data": %s}' % data, "41").events
    assert event.fields["msg_id"] == "1"


@pytest.mark.parametrize("data", [b"[]", b"{}", b"null", b'""'])
def test_no_rows(data):
    payload = parse_pulled(b'{"push_id": 7, "data": %s}' % data, "41")
    assert payload.events == payload.problems == []


def test_a_strange_channel_costs_no_row():
    body = b'{"push_id": 7, "application": [8], "data": [{"msg_id": "1", "status": 1}]}'
    payload = parse_pulled(body, "41")
    assert [event.fields["channel"] for event in payload.events] == [""]
    assert [(each.path, each.code) for each in payload.warnings] == [("application", "blanked")]


def test_long_fields_next_to_the_rows_are_left_in_the_body():
    body = b'{"push_id": 7, "more": "%s", "data": [{"msg_id": "1", "status": 1}]}' % (b"a" * 1001)
    payload = parse_pulled(body, "41")
    assert [event.extra for event in payload.events] == [{}]
    assert [(each.path, each.code) for each in payload.warnings] == [("", "left_in_body")]
