"""Bytes to one object: JSON and forms, with any label, truncated, foreign or expensive."""

from __future__ import annotations

import json
import tracemalloc
from urllib.parse import quote_plus, unquote_plus

import pytest

from pickyassist_webhooks.exceptions import UnreadablePayload
from pickyassist_webhooks.parsing.decoding import MAX_DEPTH, NumberText, decode, harmless
from pickyassist_webhooks.parsing.payloads import parse

FORM = "application/x-www-form-urlencoded"
TOO_MANY = "at most one bracket in 20 characters, one value in 8, and 600000 of them"


def test_a_form_knows_whether_it_came_in_parts():
    part = b'--b\r\nContent-Disposition: form-data; name="event_id"\r\n\r\n1\r\n--b--\r\n'
    assert decode(part, "multipart/form-data; boundary=b").is_multipart is True
    assert decode(b"event_id=1", FORM).is_multipart is False


@pytest.mark.parametrize(("levels", "fits"), [(MAX_DEPTH, True), (MAX_DEPTH + 1, False)])
def test_depth(levels, fits):
    body = b'{"a":' * (levels - 1) + b"{}" + b"}" * (levels - 1)
    if fits:
        assert decode(body)
    else:
        with pytest.raises(UnreadablePayload, match="too_deep"):
            decode(body)


@pytest.mark.parametrize(
    ("body", "code", "expected"),
    [
        (b"[" * 10**6, "too_many_values", TOO_MANY),
        (b'{"event_id":1,"data":[' + b"{}," * 10**5 + b"{}]}", "too_many_values", TOO_MANY),
        (b"[" * 10**5, "too_deep", "at most 64 levels"),
        (b"event_id=1" + b"&a[]=1" * 200_001, "not_json", "at most 200000 form fields"),
    ],
)
def test_bodies_that_cost_too_much_are_refused(body, code, expected):
    [problem] = parse(body).problems
    assert (problem.code, problem.expected) == (code, expected)


@pytest.mark.parametrize(
    ("element", "most", "length"),
    [
        (b"[]", 9_998, 200_000),  # with the outer object and list: one in 20
        (b"{}", 9_998, 200_000),
        (b"1", 24_999, 200_000),  # with those two and the commas: one in 8
        (b"1", 599_999, 5_000_000),
    ],
)
def test_maximum_number_of_values_in_a_large_body(element, most, length):
    def body(number):
        return (b'{"a":[' + b",".join([element] * number) + b"]}").ljust(length)

    assert len(decode(body(most))["a"]) == most
    with pytest.raises(UnreadablePayload, match="too_many_values"):
        decode(body(most + 1))


def test_a_small_body_may_have_any_number_of_values():
    body = b'{"a":[' + b",".join([b"[]"] * 30_000) + b"]}"
    assert decode(body.ljust(100_000))
    with pytest.raises(UnreadablePayload, match="too_many_values"):
        decode(body.ljust(100_001))


def test_an_unknown_charset():
    body = b'{"event_id":4,"subscriber_id":"Z","name":"Zo\xeb"}'
    [event] = parse(body, "application/json; charset=iso-8859-99").events
    assert event.fields["name"] == "Zo\ufffd"


def test_bytes_that_the_charset_does_not_have():
    body = b'{"event_id":4,"subscriber_id":"Z","name":"Zo\xeb \x81"}'
    [event] = parse(body, "application/json; charset=windows-1252").events
    assert event.fields["name"] == "Zo\xeb \ufffd"


@pytest.mark.parametrize(("digits", "type_"), [(300, int), (301, NumberText)])
def test_digits_of_a_whole_number(digits, type_):
    text = "9" * digits
    values = decode(b'{"a":%s,"b":%s.0}' % (text.encode(), text.encode()))
    assert values == {"a": type_(text), "b": type_(text)}
    assert {type(value) for value in values.values()} == {type_}


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("a[]=1&a[]=2", {"a": {"0": "1", "1": "2"}}),
        ("a[][x]=1&a[][x]=2", {"a": {"0": {"x": "1"}, "1": {"x": "2"}}}),
        ("a=1&a[0]=2", {"a": {"0": "2"}}),
        ("a[0]=2&a=1", {"a": "1"}),
        ("a=1&a=2", {"a": "2"}),
        ("a[5]=1&a[]=2&a[]=3", {"a": {"5": "1", "6": "2", "7": "3"}}),
        ("a[1]=1&a[]=2&a[x]=3", {"a": {"1": "1", "2": "2", "x": "3"}}),
        ("b=1&[a]=2&a]=3&a[b=4", {"b": "1", "[a]": "2", "a]": "3", "a[b": "4"}),
        ('payload= {"a": 1}', {"a": 1}),
        ("payload=[1]", {"payload": "[1]"}),
    ],
)
def test_names_of_form_fields(text, fields):
    assert decode(text.encode(), FORM) == fields


@pytest.mark.parametrize("name", ["project_id", "event_id", "project-id"])
def test_a_form_without_a_label_is_recognised_by_its_names(name):
    assert decode(f"{name}=1&other=2".encode()) == {name: "1", "other": "2"}
    with pytest.raises(UnreadablePayload, match="not_json"):
        decode(f"{name.upper()}=1&other=2".encode())


@pytest.mark.parametrize(
    "name", ["message-in", "message_in", "Message-In-Raw", "UNIQUE_ID", "unique%2Did"]
)
@pytest.mark.parametrize("form", ["{}=1&other=2", "other=2&{}=1"])
def test_a_chat_message_without_a_label_is_recognised_in_every_spelling(name, form):
    assert decode(form.format(name).encode()) == {unquote_plus(name): "1", "other": "2"}


@pytest.mark.parametrize("prefix", ["%7B", "%7b"])
def test_json_that_is_encoded_as_a_whole_is_a_form_if_it_is_labelled(prefix):
    body = prefix + quote_plus('"event_id": 1}')
    assert decode(body.encode(), FORM) == {"event_id": 1}
    with pytest.raises(UnreadablePayload, match="not_json"):
        decode(body.encode())


def test_depth_of_a_form():
    assert decode(b"a" + b"[b]" * 63 + b"=1&c=2", FORM)["c"] == "2"
    with pytest.raises(UnreadablePayload, match="too_deep"):
        decode(b"a" + b"[b]" * 64 + b"=1&c=2", FORM)


def test_maximum_number_of_fields_in_a_form():
    assert decode(b"event_id=1" + b"&a=1" * 200_000) == {"event_id": "1", "a": "1"}


def test_maximum_number_of_brackets_in_the_names_of_a_form():
    fields = "&".join(["a[b][c]=1"] * 200_000)
    assert decode(fields.encode(), FORM) == {"a": {"b": {"c": "1"}}}
    with pytest.raises(UnreadablePayload, match="at most 600000 brackets of a form"):
        decode(f"{fields}&a[b]=1".encode(), FORM)


@pytest.mark.parametrize("line_end", [b"\n", b"\r", b"\r\n"])
def test_a_form_with_too_many_parts_is_refused(line_end):
    body = (line_end + b"--b") * 200_001
    with pytest.raises(UnreadablePayload, match="at most 200000 form fields"):
        decode(body, "multipart/form-data; boundary=b")


def test_a_label_that_is_not_ascii():
    [problem] = parse(b"--b--", "multipart/form-data; boundary=\xe9").problems
    assert problem.code == "not_json"


def test_escapes_in_a_form_that_are_not_utf8():
    payload = parse(b"event_id=4&subscriber_id=Z&name=Zo%EB", FORM)
    assert payload.events[0].fields["name"] == "Zo\ufffd"
    assert [warning.code for warning in payload.warnings] == ["replaced"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[" * 64, "not_json"),
        ("[" * 65, "too_deep"),
        ('{"a":' * 64, "not_json"),
        ('{"a":' * 65, "too_deep"),
        ("[" + "[]," * 65, "not_json"),
        ("[" + "[]," * 65 + "[" * 64, "too_deep"),
        ("[" + "{}," * 65, "not_json"),
        ("[" + "{}," * 65 + "[" * 64, "too_deep"),
        ("[" + '"[",' * 65, "not_json"),
        ("[" + r'"\"[",' * 65, "not_json"),
        ("[" + r'"\\",' * 65 + "[" * 64, "too_deep"),
        ('["' + "[" * 65, "not_json"),
    ],
)
def test_depth_of_truncated_json(text, code):
    with pytest.raises(UnreadablePayload, match=f"got: {code}"):
        decode(text.encode())


@pytest.mark.parametrize(("times", "fits"), [(64, True), (65, False)])
def test_how_often_a_form_may_mention_nested_parts(times, fits):
    part = "Content-Disposition: form-data; name=message\r\n\r\n" + "Multipart/" * times
    body = f"--b\r\n{part}\r\n--b--".encode()
    if fits:
        assert decode(body, "multipart/form-data; boundary=b") == {"message": "Multipart/" * times}
    else:
        with pytest.raises(UnreadablePayload, match="too_deep"):
            decode(body, "multipart/form-data; boundary=b")


def test_nested_parts_of_a_form():
    head = "Content-Type: multipart/mixed; boundary=b"
    parts = "".join(f"--b{number}\r\n{head}{number + 1}\r\n\r\n" for number in range(1000))
    [problem] = parse(parts.encode(), "multipart/form-data; boundary=b0").problems
    assert problem.code == "too_deep"


def test_brackets_in_messages_are_text():
    rows = [{"msg_id": f"m{number}", "status": 1, "message": "[[{{" * 50} for number in range(500)]
    assert len(parse(json.dumps({"event_id": 1, "data": rows}).encode()).events) == 500


def test_strings_end_as_in_json():
    rows = [
        {"msg_id": f"m{number}", "status": 1, "message": '\\"' + "[[{{" * 50}
        for number in range(500)
    ]
    assert len(parse(json.dumps({"event_id": 1, "data": rows}).encode()).events) == 500
    body = r'{"a":"\\","b":[' + ",".join(["[]"] * 50_000) + "]}"
    with pytest.raises(UnreadablePayload, match="too_many_values"):
        decode(body.encode())


def test_a_part_with_its_own_encoding():
    part = "Content-Disposition: form-data; name=event_id\r\nContent-Transfer-Encoding: x-uuencode"
    body = f"--b\r\n{part}\r\n\r\nbegin 644 f\n".encode() + b"\xff\xff\n\r\n--b--"
    assert parse(body, "multipart/form-data; boundary=b").problems


def test_a_large_form_has_many_brackets():
    rows = "&".join(
        f"data[{number}][msg_id]=m{number}&data[{number}][status]=1" for number in range(9999)
    )
    assert len(parse(f"event_id=1&{rows}".encode()).events) == 9999


def test_harmless():
    kept = harmless({"a\0": ["\ud800", 1e22, 1.5, True, None, {"b": 10**40}]})
    assert kept == {"a\ufffd": ["\ufffd", "1e+22", 1.5, True, None, {"b": 10**40}]}


def test_unstorable_characters_are_replaced_in_little_memory():
    text = "\0}}" * 400_000
    tracemalloc.start()
    try:
        assert harmless(text) == text.replace("\0", "\ufffd")
        assert tracemalloc.get_traced_memory()[1] < 16 * 2**20
    finally:
        tracemalloc.stop()


def test_values_that_are_too_deep_are_kept_as_text():
    value = ["\xe9 \ud800"]
    for _ in range(15):
        value = [value]
    kept = harmless(value)
    for _ in range(15):
        [kept] = kept
    assert kept == '["\xe9 \ufffd"]'


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"a=%7B%22b%22%3A1%7D&c=2", {"a": '{"b":1}', "c": "2"}),
        (b"a%5Bb%5D=1", {"a[b]": "1"}),  # a single field may be JSON, so it is not nested
        (b"%7B%7D=", {"{}": ""}),
    ],
)
def test_form_fields_beside_json(body, fields):
    assert decode(body, FORM) == fields
