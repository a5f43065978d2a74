"""Bytes to events and problems: each sample lies next to its expected result."""

from __future__ import annotations

import inspect
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from pickyassist_webhooks.parsing.payloads import MAX_ROWS, UNREADABLE, parse

GOLDEN = Path(__file__).parent / "payloads" / "golden"
CONTENT_TYPES = {
    ".json": "application/json",
    ".form": "application/x-www-form-urlencoded; charset=utf-8",
    ".latin1": "application/json; charset=ISO-8859-1",
    ".multipart": "multipart/form-data; boundary=b",
}
ACCEPT = "ACCEPT_GOLDEN"
SAMPLES = sorted(path for path in GOLDEN.iterdir() if path.suffix in CONTENT_TYPES)


@pytest.mark.parametrize("path", SAMPLES, ids=[path.name for path in SAMPLES])
def test_sample(path):
    payload = asdict(parse(path.read_bytes(), CONTENT_TYPES[path.suffix]))
    actual = json.dumps(payload, indent=1, ensure_ascii=True, default=str) + "\n"
    result = path.with_name(path.name + ".expected")
    if ACCEPT in os.environ:
        result.write_text(actual, "ascii")
    assert result.exists(), f"read the result, then accept it with {ACCEPT}=1"
    assert actual == result.read_text("ascii")


def test_every_result_has_its_sample():
    results = {path.name for path in GOLDEN.iterdir()} - {path.name for path in SAMPLES}
    assert results == {f"{path.name}.expected" for path in SAMPLES}


@pytest.mark.parametrize("data", ["[]", "{}"])
def test_a_form_without_rows(data):
    payload = parse(f"event_id=1&data={data}".encode(), CONTENT_TYPES[".form"])
    assert payload.kind == "delivery_report"
    assert payload.events == payload.problems == []


@pytest.mark.parametrize("event_id", [1, 2])
@pytest.mark.parametrize("data", [[], {}, "[]", "", "hello", None])
def test_a_flat_report_next_to_empty_data(event_id, data):
    body = json.dumps({"event_id": event_id, "msg_id": "9", "status": 1, "data": data})
    [event] = parse(body.encode()).events
    assert event.fields["msg_id"] == "9"


def test_a_row_may_have_fields_that_usually_stand_next_to_the_rows():
    [event] = parse(b'{"event_id":1,"data":[{"msg_id":"1","status":1,"event_id":5}]}').events
    assert event.extra == {"event_id": 5}


def test_problems_and_warnings_beyond_a_thousand_are_counted():
    invalid, replaced = (
        b'{"msg_id":"1","status":"none of them"}',
        b'{"msg_id":1,"status":1,"source":true}',
    )
    rows = [invalid] * 1500 + [replaced] * 1500
    payload = parse(b'{"event_id":1,"data":[' + b",".join(rows) + b"]}")
    assert (len(payload.problems), payload.unlisted) == (1000, 500)
    assert (len(payload.events), len(payload.warnings)) == (1500, 1000)


@pytest.mark.parametrize(
    ("body", "code", "is_unreadable"),
    [
        (b"hello", "not_json", True),
        (b"[]", "not_an_object", True),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "too_deep", True),
        (b'{"a":[' + b"[]," * 10**5 + b"[]]}", "too_many_values", True),
        (b"{}", "missing", False),
        (b'{"event_id":9}', "unknown_event", False),
    ],
)
def test_codes_of_bodies_without_an_object(body, code, is_unreadable):
    [problem] = parse(body).problems
    assert problem.code == code
    assert (code in UNREADABLE) == is_unreadable


@pytest.mark.parametrize(
    "data",
    [
        '[{"msg_id":"1","status":1,"message":"%s"}]',
        ' [{"msg_id":"1","status":1,"message":"%s"}]',
        '{"msg_id":"1","status":1,"message":"%s"}',
        ' {"msg_id":"1","status":1,"message":"%s"}',
    ],
)
def test_rows_as_json_in_a_form_field(data):
    body = ("event_id=1&data=" + data % "Zo%EB").encode()
    payload = parse(body, "application/x-www-form-urlencoded")
    [event] = payload.events
    assert event.fields["msg_id"] == "1"
    assert set(event.fields["message"][2:]) == {"\ufffd"}
    assert [warning.code for warning in payload.warnings] == ["replaced"]


@pytest.mark.parametrize(("letters", "is_shared"), [(991, True), (992, False)])
def test_size_of_fields_next_to_data_that_each_row_keeps(letters, is_shared):
    """The object ``{"x": "..."}`` has nine characters plus those letters."""
    row = {"msg_id": "1", "status": 1}
    body = {"event_id": 1, "x": "a" * letters, "data": [row]}
    payload = parse(json.dumps(body).encode())
    assert payload.events[0].extra == ({"x": body["x"]} if is_shared else {})
    assert [warning.code for warning in payload.warnings] == ([] if is_shared else ["left_in_body"])


@pytest.mark.parametrize(("names", "fits"), [(1000, True), (1001, False)])
def test_maximum_number_of_unknown_fields_in_a_row(names, fits):
    unknown = {f"f{number}": number for number in range(names - 2)}
    row = {"msg_id": "1", "status": 1, **unknown}
    payload = parse(json.dumps({"event_id": 1, "data": [row]}).encode())
    assert payload.events[0].extra == (unknown if fits else {})
    warnings = [(warning.path, warning.code, warning.expected) for warning in payload.warnings]
    left = ("data[0]", "left_in_body", "at most 1000 fields in one row")
    assert warnings == ([] if fits else [left])


@pytest.mark.parametrize("form", ["list", "object", "text"])
def test_maximum_number_of_rows_in_a_batch(form):
    def parsed(count):
        rows = [{"msg_id": number, "status": 1} for number in range(1, count + 1)]
        data = {"list": rows, "object": dict(enumerate(rows)), "text": json.dumps(rows)}[form]
        return parse(json.dumps({"project_id": "1", "event_id": 1, "data": data}).encode())

    assert len(parsed(MAX_ROWS).events) == MAX_ROWS
    payload = parsed(MAX_ROWS + 1)
    [problem] = payload.problems
    assert (problem.path, problem.code) == ("data", "too_many_rows")
    assert problem.expected == f"at most {MAX_ROWS} rows"
    assert not payload.events


def test_rows_that_are_not_objects_count_too():
    [problem] = parse(b'{"event_id":1,"data":[' + b"1," * 20_000 + b"1]}").problems
    assert problem.code == "too_many_rows"


def test_the_rows_share_the_fields_next_to_data():
    def parsed(count):
        rows = [{"msg_id": number, "status": 1, "y": "\0"} for number in range(count)]
        return parse(json.dumps({"event_id": 1, "x": "a" * 391, "data": rows}).encode())

    assert parsed(7500).events[-1].extra == {"x": "a" * 391, "y": "\ufffd"}
    payload = parsed(7501)
    assert payload.events[-1].extra == {"y": "\ufffd"}
    assert [warning.code for warning in payload.warnings] == ["left_in_body"]


def test_too_many_fields_next_to_data_stay_in_the_body():
    names = {f"f{number}": number for number in range(1000)}
    payload = parse(
        json.dumps(names | {"event_id": 1, "data": [{"msg_id": 1, "status": 1}]}).encode()
    )
    assert payload.events[0].extra == {}
    assert [warning.code for warning in payload.warnings] == ["left_in_body"]


@pytest.mark.parametrize(("length", "kept"), [(49_996, True), (49_997, False)])
def test_a_list_counts_as_its_json_text(length, kept):
    value = ["é" * length, "é" * 49_996]
    row = {"msg_id": 1, "status": 1, "x": value, "y": [1]}
    [event] = parse(json.dumps({"event_id": 1, "data": [row]}).encode()).events
    assert event.extra == ({"x": value} if kept else {}) | {"y": [1]}


def test_the_remaining_stack_does_not_matter():
    row = b'{"msg_id":1,"status":1,"x":' + b"[" * 61 + b"]" * 61 + b"}"
    body = b'{"event_id":1,"data":[' + row + b"]}"
    expected = parse(body)
    assert len(expected.events) == 1

    def parsed_below(frames):
        return parsed_below(frames - 1) if frames else parse(body)

    room = sys.getrecursionlimit() - len(inspect.stack(0))
    for left in (400, 100, 60):
        assert parsed_below(room - left) == expected
