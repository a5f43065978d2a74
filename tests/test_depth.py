"""The same bytes always give the same result, even if Python's stack is nearly full."""

from __future__ import annotations

import sys

import pytest

from pickyassist_webhooks.exceptions import UnreadablePayload
from pickyassist_webhooks.parsing.decoding import MAX_DEPTH, decode_text
from pickyassist_webhooks.parsing.payloads import parse

FORM = "application/x-www-form-urlencoded"


def parsed_below(frames, body, content_type):
    """Parse deeper in the stack, as a view does below its middlewares and a worker does not."""
    if frames:
        return parsed_below(frames - 1, body, content_type)
    return [problem.code for problem in parse(body, content_type).problems]


@pytest.mark.parametrize(
    ("body", "content_type", "code"),
    [
        (b'{"a":' * MAX_DEPTH, "", "not_json"),
        (b'{"a":' * (MAX_DEPTH + 1), "", "too_deep"),
        (b'{"a":' * 1000, "", "too_deep"),
        (b'{"a":' * 1000 + b"1" + b"}" * 1000, "", "too_deep"),
        (b'{"b":{},"c":"{{{[[["}' * 100 + b"]", "", "not_json"),
        (b'{"a":"\\"' + b"{" * 100 + b'\\\\"', "", "not_json"),
        (b"[" * 1000 + b"]" * 1000, "", "too_deep"),
        (b'{"a":["' + b"[" * 100, "", "not_json"),
        (b'{"a" 1' + b"[" * 1000, "", "not_json"),  # the brackets come after the error
        (b'json={"a":' + b'{"a":' * 1000, FORM, "too_deep"),
        (b'json={"a":' + b'{"a":' * 1000 + b"1" + b"}" * 1001, FORM, "too_deep"),
        (b'json={"a":', FORM, "missing"),
    ],
)
def test_depth_gives_the_same_code(body, content_type, code):
    for frames in (0, 200, 500, 700):
        assert parsed_below(frames, body, content_type) == [code]


def test_a_form_is_read_below_any_stack():
    row = b'{"msg_id":"1","status":1,"x":' + b'{"a":' * 60 + b"1" + b"}" * 61
    body = (
        b'--b\r\nContent-Disposition: form-data; name="payload"\r\n\r\n'
        b'{"event_id":1,"data":[%s]}\r\n--b--\r\n'
    ) % row

    def below(frames):
        if frames:
            return below(frames - 1)
        return len(parse(body, "multipart/form-data; boundary=b").events)

    found = []
    with pytest.raises(RecursionError):  # no stack is left for the test itself
        found.extend(map(below, range(0, sys.getrecursionlimit(), 20)))
    assert len(found) > 30
    assert set(found) == {1}


def test_json_in_a_text_is_a_level_deeper():
    deepest = "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1)
    assert decode_text(deepest)
    with pytest.raises(UnreadablePayload) as caught:
        decode_text(f"[{deepest}]")
    assert caught.value.code == "too_deep"


def test_a_text_without_json():
    with pytest.raises(UnreadablePayload) as caught:
        decode_text("[")
    assert (caught.value.code, caught.value.expected) == ("not_json", "JSON")


@pytest.mark.parametrize(
    ("body", "content_type", "code"),
    [
        (b"payload={" + b"{}," * 50_000 + b"}", FORM, "too_many_values"),
        (b"event_id=1" + b"&0[][][]=1" * 190_000, FORM, "not_json"),
        (b"--b\r\n" + b"a\n" * 200_001, "multipart/form-data; boundary=b", "not_json"),
    ],
)
def test_forms_that_cost_too_much(body, content_type, code):
    [problem] = parse(body, content_type).problems
    assert problem.code == code


def test_a_row_with_too_many_fields():
    names = ",".join(f'"f{number}":1' for number in range(1001))
    payload = parse(f'{{"event_id":3,"action":1,"group_id":"A","number":"1",{names}}}'.encode())
    [event], [warning] = payload.events, payload.warnings
    assert (event.extra, warning.code) == ({}, "left_in_body")


@pytest.mark.parametrize(("length", "kept"), [(100_000, True), (100_001, False)])
def test_a_text_that_is_too_long_for_extra(length, kept):
    payload = parse(f'{{"event_id":4,"subscriber_id":"1","name":"{"x" * length}"}}'.encode())
    [event] = payload.events
    assert event.extra == ({"name": "x" * length} if kept else {})
    assert event.fields["name"] == "x" * 255
    assert [warning.code for warning in payload.warnings] == ["cut"] + ["left_in_body"] * (not kept)


def test_the_warning_names_the_path_of_the_row():
    row = f'{{"msg_id":"1","status":1,"note":"{"x" * 100_001}","other":"kept"}}'
    payload = parse(f'{{"event_id":1,"data":[{row}]}}'.encode())
    assert payload.events[0].extra == {"other": "kept"}
    [warning] = payload.warnings
    assert (warning.path, warning.code) == ("data[0]", "left_in_body")
    assert warning.expected == "at most 100000 characters outside the columns"
