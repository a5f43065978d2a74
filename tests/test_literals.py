"""A JSON number is read as a whole number in each notation of it."""

from __future__ import annotations

import pytest

from pickyassist_webhooks.exceptions import UnreadablePayload
from pickyassist_webhooks.parsing.decoding import NumberText, decode
from pickyassist_webhooks.parsing.payloads import parse
from tests.machine import is_quick


def read(literal):
    return decode(b'{"a":%s}' % literal.encode())["a"]


@pytest.mark.parametrize(
    ("literal", "number"),
    [
        ("15550001111.0", 15550001111),
        ("1.5550001111E+10", 15550001111),
        ("1.5550001111e10", 15550001111),
        ("155500011110e-1", 15550001111),
        ("0.15550001111e11", 15550001111),
        ("1e0", 1),
        ("-1.5e1", -15),
        ("-0.0", 0),
        ("0e5", 0),
        ("0E999999999", 0),
        ("1e22", 10**22),
        ("9007199254740993.0e0", 9007199254740993),
        ("12345678901234567890.10e1", 123456789012345678901),
        ("1e299", 10**299),
        ("1." + "0" * 400, 1),
        ("1." + "0" * 400 + "e0", 1),
    ],
)
def test_whole_numbers(literal, number):
    assert read(literal) == number
    assert type(read(literal)) is int


@pytest.mark.parametrize(
    ("literal", "number"),
    [
        ("1.50", 1.5),
        ("-1.5e-1", -0.15),
        ("15550001111.5", 15550001111.5),
        ("1e-400", 0.0),
        ("1.00000000000000000000001", 1.0),
        ("123456789012345678901.5", 123456789012345678901.5),
    ],
)
def test_fractions(literal, number):
    assert read(literal) == number
    assert type(read(literal)) is float


@pytest.mark.parametrize(
    "literal", ["1E+400", "-1e400", "1e300", "1e999999999", "1.5e999999999999999999999", "9" * 301]
)
def test_numbers_that_are_too_long_stay_text(literal):
    assert read(literal) == literal
    assert type(read(literal)) is NumberText


def test_an_exponent_of_twenty_digits():
    assert read("1e-99999999999999999999") == "1e-99999999999999999999"


@pytest.mark.parametrize("status", ["1.0", "1e0", "10E-1", "0.1e1"])
@pytest.mark.parametrize("number", ["15550001111.0", "1.5550001111E+10", '"15550001111"'])
def test_numbers_and_statuses_of_a_row(number, status):
    row = f'{{"push_id":1,"number":{number},"msg_id":9.0001e4,"status":{status}}}'
    [event] = parse(f'{{"event_id":1.0,"project_id":41e2,"data":[{row}]}}'.encode()).events
    assert event.fields["number"] == "15550001111"
    assert event.fields["msg_id"] == "90001"
    assert event.fields["status"] == 1


@pytest.mark.parametrize("literal", ["1e9999999", "1" * 10**7 + ".5", "1." + "0" * 10**7, "1e299"])
def test_long_numbers_cost_nothing(literal):
    assert is_quick(lambda: read(literal), 0.5)


def test_maximum_number_of_digits_from_exponents():
    def body(count):
        return b'{"a":[' + b"1e299,        " * count + b"1]}"

    assert len(decode(body(3389))["a"]) == 3390  # each has 295 digits more than characters
    with pytest.raises(UnreadablePayload, match="at most 1000000 digits that are written as exp"):
        decode(body(3390))
