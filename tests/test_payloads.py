"""Bytes to events and problems: each sample lies beside what is expected of it."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

import pytest

from pickyassist_webhooks.payloads import UNREADABLE, parse

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
    found = json.dumps(payload, indent=1, ensure_ascii=True, default=str) + "\n"
    result = path.with_name(path.name + ".expected")
    if ACCEPT in os.environ:
        result.write_text(found, "ascii")
    assert result.exists(), f"read the result, then accept it with {ACCEPT}=1"
    assert found == result.read_text("ascii")


def test_every_result_has_its_sample():
    results = {path.name for path in GOLDEN.iterdir()} - {path.name for path in SAMPLES}
    assert results == {f"{path.name}.expected" for path in SAMPLES}


def test_problems_and_warnings_beyond_a_thousand_are_counted():
    bad, mended = (
        b'{"msg_id":"1","status":"none of them"}',
        b'{"msg_id":1,"status":1,"source":true}',
    )
    rows = [bad] * 1500 + [mended] * 1500
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
def test_codes_of_what_is_no_object(body, code, is_unreadable):
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
def test_how_much_beside_data_each_row_keeps(letters, is_shared):
    """The object ``{"x": "..."}`` takes nine characters besides those letters."""
    row = {"msg_id": "1", "status": 1}
    body = {"event_id": 1, "x": "a" * letters, "data": [row]}
    payload = parse(json.dumps(body).encode())
    assert payload.events[0].extra == ({"x": body["x"]} if is_shared else {})
    assert [warning.code for warning in payload.warnings] == ([] if is_shared else ["left_in_body"])


@pytest.mark.parametrize(("names", "fits"), [(1000, True), (1001, False)])
def test_how_many_unknown_fields_a_row_may_have(names, fits):
    unknown = {f"f{number}": number for number in range(names - 2)}
    row = {"msg_id": "1", "status": 1, **unknown}
    payload = parse(json.dumps({"event_id": 1, "data": [row]}).encode())
    assert payload.events[0].extra == (unknown if fits else {})
    found = [(warning.path, warning.code, warning.expected) for warning in payload.warnings]
    left = ("data[0]", "left_in_body", "at most 1000 fields in one row")
    assert found == ([] if fits else [left])
