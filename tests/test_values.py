"""The values of one object: which are replaced, and which are refused."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from pickyassist_webhooks.exceptions import UnreadablePayload
from pickyassist_webhooks.parsing.values import FieldReader, InvalidPayload, Problem, parse_date


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


def test_date_is_in_utc_in_each_time_zone():
    assert parse_date("2020-05-29T16:01:06+05:30").tzinfo is timezone.utc


@pytest.mark.parametrize(
    ("value", "expected"),
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
def test_integer(value, expected):
    reader = FieldReader({"status": value}, "data[0]", [])
    if isinstance(expected, int):
        assert reader.integer("status") == expected
        return
    with pytest.raises(InvalidPayload) as raised:
        reader.integer("status")
    assert (raised.value.problem.path, raised.value.problem.code) == ("data[0].status", expected)


@pytest.mark.parametrize("letter", ["a", "\xe9"])
def test_longest_texts(letter):
    warnings = []
    reader = FieldReader({"fits": letter * 255, "long": letter * 256}, "", warnings)
    assert reader.identifier("fits") == reader.short("fits") == letter * 255
    assert not warnings
    with pytest.raises(InvalidPayload, match="too_long"):
        reader.identifier("long")
    assert reader.short("long") == letter * 255
    assert [(warning.path, warning.code) for warning in warnings] == [("long", "cut")]
    assert reader.replaced == {"long": letter * 256}


def test_errors_name_the_expected_value_and_the_code():
    assert str(UnreadablePayload("not_json", "a JSON object")) == (
        "expected a JSON object, got: not_json"
    )
    assert str(InvalidPayload("data[1].status", "missing", "a whole number")) == (
        "expected a whole number at 'data[1].status', got: missing"
    )


@pytest.mark.parametrize(
    "read", [FieldReader.text, FieldReader.short, FieldReader.word, FieldReader.identifier]
)
def test_a_missing_value_is_blank(read):
    warnings = []
    assert read(FieldReader({"null": None}, "", warnings), "null") == ""
    assert read(FieldReader({}, "", warnings), "nowhere") == ""
    assert warnings == []


def test_requests_with_the_same_problem_share_a_group():
    problem = Problem("data[12].status", "not_an_integer", "a whole number")
    assert problem.group == "not_an_integer data[].status"
    assert Problem("", "not_json", "JSON").group == "not_json"
