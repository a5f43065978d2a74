"""Bytes to events and problems: each sample lies beside what is expected of it."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path

import pytest

from pickyassist_webhooks import keys
from pickyassist_webhooks.decoding import MAX_DEPTH, decode, harmless
from pickyassist_webhooks.exceptions import UnreadablePayload
from pickyassist_webhooks.fields import NotUnderstood, parse_date
from pickyassist_webhooks.payloads import parse

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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2020-05-29T16:01:06+05:30", (2020, 5, 29, 10, 31, 6)),
        ("2020-05-29 16:01:06 +0530", (2020, 5, 29, 10, 31, 6)),
        ("2020-05-29T16:01:06 05:30", (2020, 5, 29, 10, 31, 6)),
        ("2020-05-29t16:01:06z", (2020, 5, 29, 16, 1, 6)),
        ("2020-05-29T16:01:06.1234567-00:30", (2020, 5, 29, 16, 31, 6, 123456)),
        ("2020-05-29T16:01:06,5-01:00", (2020, 5, 29, 17, 1, 6, 500000)),
        ("1900-01-01T00:00:00Z", (1900, 1, 1)),
        ("9998-12-31T23:59:59Z", (9998, 12, 31, 23, 59, 59)),
        ("1899-12-31T23:59:59Z", None),
        ("9999-12-31T23:59:59-05:00", None),
        ("2020-05-29T16:01:06", None),
        ("2020-05-29", None),
        ("2020-02-30T00:00:00Z", None),
        ("2020-05-29T16:01:06+25:00", None),
        ("2020-05-29T16:01:06+05:60", None),
        ("2020-05-29T16:01:60Z", None),
        ("1590748266", None),
        ("", None),
    ],
)
def test_date(text, expected):
    assert parse_date(text) == (expected and datetime(*expected, tzinfo=timezone.utc))


@pytest.mark.parametrize(("levels", "fits"), [(MAX_DEPTH, True), (MAX_DEPTH + 1, False)])
def test_depth(levels, fits):
    body = b'{"a":' * (levels - 1) + b"{}" + b"}" * (levels - 1)
    if fits:
        assert decode(body)
    else:
        with pytest.raises(UnreadablePayload, match="too_deep"):
            decode(body)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"[" * 10**6, "too_many_values"),
        (b'{"event_id":1,"data":[' + b"{}," * 10**5 + b"{}]}", "too_many_values"),
        (b"[" * 10**5, "too_deep"),
        (b"event_id=1" + b"&a[]=1" * 200_001, "not_json"),
    ],
)
def test_bodies_made_to_cost_much_are_not_read(body, code):
    [problem] = parse(body).problems
    assert problem.code == code


def test_a_charset_there_is_none_of():
    body = b'{"event_id":4,"subscriber_id":"Z","name":"Zo\xeb"}'
    [event] = parse(body, "application/json; charset=iso-8859-99").events
    assert event.fields["name"] == "Zo\ufffd"


def test_parts_of_a_form_within_parts():
    head = "Content-Type: multipart/mixed; boundary=b"
    parts = "".join(f"--b{number}\r\n{head}{number + 1}\r\n\r\n" for number in range(1000))
    [problem] = parse(parts.encode(), "multipart/form-data; boundary=b0").problems
    assert problem.code == "too_deep"


def test_brackets_in_messages_are_text():
    rows = [{"msg_id": f"m{number}", "status": 1, "message": "[[{{" * 50} for number in range(500)]
    assert len(parse(json.dumps({"event_id": 1, "data": rows}).encode()).events) == 500


def test_a_part_in_an_encoding_of_its_own():
    part = "Content-Disposition: form-data; name=event_id\r\nContent-Transfer-Encoding: x-uuencode"
    body = f"--b\r\n{part}\r\n\r\nbegin 644 f\n".encode() + b"\xff\xff\n\r\n--b--"
    assert parse(body, "multipart/form-data; boundary=b").problems


def test_a_large_form_has_many_brackets():
    rows = "&".join(
        f"data[{number}][msg_id]=m{number}&data[{number}][status]=1" for number in range(9999)
    )
    assert len(parse(f"event_id=1&{rows}".encode()).events) == 9999


def test_problems_and_warnings_beyond_a_thousand_are_counted():
    bad, mended = (
        b'{"msg_id":"1","status":"none of them"}',
        b'{"msg_id":1,"status":1,"source":true}',
    )
    rows = [bad] * 1500 + [mended] * 1500
    payload = parse(b'{"event_id":1,"data":[' + b",".join(rows) + b"]}")
    assert (len(payload.problems), payload.unlisted) == (1000, 500)
    assert (len(payload.events), len(payload.warnings)) == (1500, 1000)


def test_errors_say_what_was_expected_and_what_came():
    assert str(UnreadablePayload("not_json", "a JSON object")) == (
        "expected a JSON object, came: not_json"
    )
    assert str(NotUnderstood("data[1].status", "missing", "a whole number")) == (
        "expected a whole number at 'data[1].status', came: missing"
    )


def test_harmless():
    kept = harmless({"a\0": ["\ud800", 1e22, 1.5, True, None, {"b": 10**40}]})
    assert kept == {"a\ufffd": ["\ufffd", "1e+22", 1.5, True, None, {"b": 10**40}]}


class TestKeys:
    def test_readable(self):
        assert keys.delivery_report("4100", "900001", "7", "8", 1) == "4100:900001:1"
        assert keys.delivery_report("4100", "", "7", "8", -1) == "4100::7:8:-1"
        assert keys.message("4100", "wamid.HB=") == "4100:wamid.%48%42%3D"
        assert keys.group_member("", "A1", "7", 3) == ":%411:7:000003"
        assert keys.new_subscriber("1", "z", "7", "8", "d") == "1:z::8:d"
        assert keys.new_subscriber("1", "", "7", "8", "d") == "1::7:8:d"

    def test_no_two_identities_share_one(self):
        tricky = ["a", "A", "%41", "a:b", "a b", "ä", "\ud800", "#", "", "a" * 256, "b" * 256]
        pairs = [(left, right) for left in tricky for right in tricky]
        assert len({keys.message(*pair) for pair in pairs}) == len(pairs)
        assert all(len(keys.message(*pair)) <= keys.MAX_LENGTH for pair in pairs)

    def test_longest_readable(self):
        assert keys.message("1", "a" * 253) == "1:" + "a" * 253
        assert keys.message("1", "a" * 254).startswith("#")
