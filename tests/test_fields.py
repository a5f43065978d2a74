"""The values of one object: what is mended, and what cannot be."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from pickyassist_webhooks.exceptions import UnreadablePayload
from pickyassist_webhooks.fields import Fields, NotUnderstood, Problem, parse_date


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
        ("9999-01-01T00:00:00Z", None),
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


def test_date_is_in_utc_wherever_the_server_is():
    assert parse_date("2020-05-29T16:01:06+05:30").tzinfo is timezone.utc


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (1, 1),
        (" -7 ", -7),
        ("+08", 8),
        (2**63 - 1, 2**63 - 1),
        (str(-(2**63)), -(2**63)),
        (None, "missing"),
        ("", "missing"),
        (" ", "not_an_integer"),
        ("one", "not_an_integer"),
        ("\u0661", "not_an_integer"),
        (True, "not_an_integer"),
        (1.5, "not_an_integer"),
        (2**63, "not_an_integer"),
        (str(-(2**63) - 1), "not_an_integer"),
        ("1" * 20, "not_an_integer"),
    ],
)
def test_integer(value, found):
    fields = Fields({"status": value}, "data[0]", [])
    if isinstance(found, int):
        assert fields.integer("status") == found
        return
    with pytest.raises(NotUnderstood) as raised:
        fields.integer("status")
    assert (raised.value.problem.path, raised.value.problem.code) == ("data[0].status", found)


@pytest.mark.parametrize("letter", ["a", "\xe9"])
def test_longest_texts(letter):
    warnings = []
    fields = Fields({"fits": letter * 255, "long": letter * 256}, "", warnings)
    assert fields.identifier("fits") == fields.short("fits") == letter * 255
    assert not warnings
    with pytest.raises(NotUnderstood, match="too_long"):
        fields.identifier("long")
    assert fields.short("long") == letter * 255
    assert [(warning.path, warning.code) for warning in warnings] == [("long", "cut")]
    assert fields.mended == {"long": letter * 256}


def test_errors_say_what_was_expected_and_what_came():
    assert str(UnreadablePayload("not_json", "a JSON object")) == (
        "expected a JSON object, came: not_json"
    )
    assert str(NotUnderstood("data[1].status", "missing", "a whole number")) == (
        "expected a whole number at 'data[1].status', came: missing"
    )


@pytest.mark.parametrize("read", [Fields.text, Fields.short, Fields.word, Fields.identifier])
def test_what_is_absent_is_blank(read):
    warnings = []
    assert read(Fields({"null": None}, "", warnings), "null") == ""
    assert read(Fields({}, "", warnings), "nowhere") == ""
    assert warnings == []


def test_what_requests_with_a_problem_have_in_common():
    problem = Problem("data[12].status", "not_an_integer", "a whole number")
    assert problem.group == "not_an_integer data[].status"
    assert Problem("", "not_json", "JSON").group == "not_json"
