"""Forms: the last field of a name counts, and a body that is not a form costs nothing."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest

from pickyassist_webhooks.parsing.decoding import decode
from pickyassist_webhooks.parsing.payloads import parse
from tests.machine import fastest

ROOT = Path(__file__).parent.parent
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b"
LIMIT = 10 * 2**20
REPEATED = ("repeated_key", "each key once; the last one counts")


def parts(*pairs):
    part = '--b\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
    return ("".join(part.format(*pair) for pair in pairs) + "--b--\r\n").encode()


def warnings_of(payload):
    return [(warning.path, warning.code, warning.expected) for warning in payload.warnings]


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("event_id=9&event_id=1&data[0][msg_id]=1&data[0][status]=1", [""]),
        ("event_id=1&data[0][msg_id]=9&data[0][msg_id]=1&data[0][status]=1", ["data[0]"]),
        ("event_id=1&data[0]=9&data[0][msg_id]=1&data[0][status]=1", []),
        ("event_id=1&data=9&data[0][msg_id]=1&data[0][status]=1", [""]),
        ("event_id=1&data[msg_id]=9&data[status]=1&data[msg_id]=1", ["data[0]"]),
        ("event_id=1&msg_id=9&status=1&msg_id=1", [""]),
        ("event_id=1&data[][msg_id]=1&data[0][status]=1", []),
        ("event_id=1&data[0][msg_id]=1&data[0][status]=1&x[]=1&x[]=2", []),
    ],
)
def test_the_last_field_of_a_name_counts(text, paths):
    pairs = [pair.split("=") for pair in text.split("&")]
    for body, label in ((text.encode(), FORM), (text.encode(), ""), (parts(*pairs), MULTIPART)):
        payload = parse(body, label)
        [event] = payload.events
        assert event.fields["msg_id"] == "1"
        assert warnings_of(payload) == [(path, *REPEATED) for path in paths]


def test_a_repeated_name_is_reported_as_in_json():
    form = parse(b"event_id=4&subscriber_id=1&subscriber_id=2", FORM)
    text = parse(b'{"event_id":4,"subscriber_id":1,"subscriber_id":2}')
    assert form == text
    assert form.events[0].fields["subscriber_id"] == "2"
    assert warnings_of(form) == [("", *REPEATED)]


def test_an_object_replaces_an_earlier_text():
    """As in PHP, the later field counts, either text or object."""
    assert decode(b"event_id=1&a[b]=1&a=2&a[c]=3") == {"event_id": "1", "a": {"c": "3"}}


MEASURE = """
import sys, time
from pickyassist_webhooks.parsing.payloads import parse
body = sys.stdin.buffer.read()
began = time.process_time()
[problem] = parse(body, sys.argv[1]).problems
print(time.process_time() - began, problem.code)
"""


@pytest.mark.parametrize(
    ("body", "label"),
    [
        (b"a=" + b"%" * LIMIT, "text/plain"),
        (b"a=" + b"%41" * (LIMIT // 3), ""),
        (b"a=" + b"&%41" * 190_000, "text/plain"),
    ],
)
def test_a_body_that_is_not_a_form_is_not_decoded(body, label):
    # In a process of its own: coverage and the garbage of other tests cost more than the parsing.
    command = [sys.executable, "-c", MEASURE, label]

    def measure():
        done = subprocess.run(command, input=body, capture_output=True, check=True, cwd=ROOT)
        seconds, code = done.stdout.decode().split()
        assert code == "not_json"
        return float(seconds)

    assert fastest(measure, 0.5) < 0.5


def test_a_known_name_may_be_escaped():
    assert parse(b"%65vent%5Fid=4&subscriber%5fid=%41", "text/plain").events


@pytest.mark.parametrize("name", ["message_in_raw", "message-in", "unique-id"])
def test_a_chat_message_may_have_no_label(name):
    payload = parse(f"number=1555&type=1&{name}=7".encode(), "text/plain")
    assert payload.kind == "chat_message"
    assert payload.events


@pytest.mark.parametrize(
    ("body", "label"),
    [
        (b"message-in=Is+5+%2B+5%3F&number=1", FORM),
        (parts(("message-in", "Is+5+%2B+5%3F"), ("number", "1")), MULTIPART),
    ],
)
def test_the_text_of_a_chat_message_is_decoded_once(body, label):
    [event] = parse(body, label).events
    assert event.fields["text"] == "Is 5 + 5?"


def test_values_keep_escaped_separators():
    body = b"event_id=4&subscriber_id=%26%3D%3d%2B%2525%&name=%zz+=%41"
    [event] = parse(body, FORM).events
    assert event.fields["subscriber_id"] == "&==+%25%"
    assert event.fields["name"] == "%zz =A"


@pytest.mark.parametrize("name", [b"a" + b"[]" * 5_000_000, b"a" + b"[x]" * 3_490_000 + b"["])
def test_a_name_with_many_brackets_costs_nothing(name):
    body = b"event_id=1&" + name + b"=1"
    tracemalloc.start()
    try:
        [problem] = parse(body, FORM).problems
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert problem.code == "too_deep"
    assert peak < 10 * len(body)


@pytest.mark.parametrize("rows", ["[]", "{}"])
def test_a_batch_without_rows(rows):
    payload = parse(b"event_id=1&project_id=1&data=%s" % rows.encode(), FORM)
    assert (payload.events, payload.problems) == ([], [])
