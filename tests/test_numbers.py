"""A number is recognised in each format, and never confused with another."""

from __future__ import annotations

import gzip
import re
import zlib

import pytest

from pickyassist_webhooks.exceptions import NotANumber, PickyAssistError
from pickyassist_webhooks.parsing.digits import digits_of
from pickyassist_webhooks.privacy.phone_numbers import Number
from tests.machine import is_quick

DIGITS = "15550001111"
#: The number that the text "15550001111.0" would be without its dot.
LONGER = DIGITS + "0"
SIZE = 2**20
#: Ten megabytes may take a second; a small body costs a little more per byte.
SECONDS = 0.3


@pytest.mark.parametrize(
    "text",
    [
        "15550001111",
        "+15550001111",
        "0015550001111",
        "+1 (555) 000-1111",
        "1 (555) 000.1111",
        "1.555.000.11.11",
        "+1.5550001111",
        "+1 (0)555 0001111",
        "+1 ( 0 ) 555 0001111",
        "1 555 000 1111",
        "(+1) 555 000 1111",
        "(1) 555 000-1111",
        "+1(555)0001111",
        "1 (555 000) 1111",
        "1-555/0001111",
        "+1 555 000 - 1111",
        "+ 1 555 000 1111",
        " 15550001111\n",
        "\u202a+1\u00a0555\u2011000\u20111111\u202c",
        "\ufeff1555000\u200b1111",
        "१५५५०००११११",
        "\uff10\uff1015550001111",
    ],
)
def test_numbers_that_people_give(text):
    assert Number.given(text).digits == DIGITS


@pytest.mark.parametrize(
    "text",
    [
        *("49301234567.0", "493012345670.0", "49301234567.00", "49301234567.5", "1555765.432"),
        *("49301234567.1234", "49301234567.12345"),
        *("4.93E+11", "4.93e11", "4,93E+11", "1.5557654321E10", "1e10", "0.15557654321"),
        *(
            "'49301234567",
            "\u201949301234567",
            "49,301,234,567",
            "49301234567,0",
            "49.301.234.567.0",
        ),
        *("49301234567@c.us", "1_000_000", "$49301234567", "€ 4930123456", "0x1555765432"),
        *("15557654321 15550001111", "15557654321/15550001111", "1555123 1555124"),
        *("1555123/1555124", "15557654321;15550001111", "15557654321\t15550001111"),
        *("15557654321\n15550001111", "+1+5557654321", "+15557654321 +15550001111"),
        *("1234", "+1 2", "1234567890123456 1", "1" * 21, "1 " * 3000, "1" * 5000),
        *("030 1234567", "011 98765-4321", "+0301234567", "000301234567", "0493012345"),
        *("1. 5557654321", "1) 5557654321", "#15557654321", "tel:+15557654321", "= 15557654321"),
        *("15557654321+", "15557654321.", "15557654321-", "-15557654321", ".15557654321"),
        *("1555765432O", "15557654321 ext 5", '"15557654321"', "1555765\u2163"),
        *("", " ", "+", "½½½½½½", "banana"),
    ],
)
def test_texts_that_are_not_clearly_a_number(text):
    with pytest.raises(NotANumber):
        Number.given(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("banana", "'banana' is not a phone number: use digits only."),
        ("bad\x1b", r"'bad\u001b' is not a phone number: use digits only."),
        ("4.93E+11", "This looks like a spreadsheet number: use digits only, such as"),
        ("1555765432O", "This is not one phone number: use digits only, such as +15550001111."),
        ("030 1234567", "Use the country code instead of the first 0, such as +15550001111."),
        ("+1 2", "A phone number has 5 digits or more."),
        ("1555123 1555124", "A phone number has at most 15 digits: use one at a time."),
    ],
)
def test_a_refusal_names_the_next_step_and_repeats_no_digits(text, message):
    with pytest.raises(NotANumber, match=re.escape(message)) as raised:
        Number.given(text)
    assert isinstance(raised.value, PickyAssistError)
    assert not re.search("[0-9]{6,}", str(raised.value).replace("+15550001111", ""))


def test_an_id_that_a_channel_has_instead_of_a_number():
    assert Number.given("12345678901234567890").digits == "12345678901234567890"


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        (DIGITS, DIGITS),
        ("0015550001111", DIGITS),
        ("+1 (555) 000-1111", DIGITS),
        ("1555 000 1111@c.us", DIGITS),
        ("whatsapp:+15550001111", DIGITS),
        ("15550001111.0", DIGITS),
        ("15550001111.000", DIGITS),
        ("1.5550001111E+10", DIGITS),
        (" 1.55500011110e10 ", DIGITS),
        ("155500011110e-1", DIGITS),
        ("1.5550001111", DIGITS),
        ("4.93E+11", "493000000000"),
        ("१५५५", "1555"),
        ("1.5e-1", ""),
        ("0.15550001111", ""),
        ("1e400", ""),
        ("1E999999999", ""),
        ("15550001111,15550002222", ""),
        ("12a34", ""),
        ("web-abc", ""),
        ("000", ""),
        (".", ""),
        ("", ""),
    ],
)
def test_numbers_as_payloads_write_them(text, digits):
    assert digits_of(text) == digits
    assert Number(DIGITS).equals(text) is (digits == DIGITS)


@pytest.mark.parametrize(
    "body",
    [
        *('{"n": 15550001111.0}', '{"n": 15550001111.00 }', "[15550001111.000000]"),
        *('{"n": 1.5550001111E+10}', '{"n": 1.5550001111e10}', '{"n": 1.55500011110e+010}'),
        *('{"n": 155500011110e-1}', '{"n": 0.15550001111E11}', '{"n": 15550001111E0}'),
        *('{"n": "15550001111.0"}', '{"n": "1.5550001111E+10"}', '{"n": "15550001111.0E+0"}'),
        *("n=15550001111.0&x=1", "n=1.5550001111E%2B10", "n=1.5550001111E+10"),
        *(r'{"n":"\u0031.5550001111E+10"}', r'{"n":"\\\\u0031555\/0001111"}', r"1555\t0001111"),
        *("+1.5550001111", '"1.5550001111"', "1-555-000.1111", "1.555.000.11.11", "1 555.0001111"),
        *("call.15550001111", "call 15550001111.", "15550001111 e 912345678", "15550001111\n.5"),
        *("11987654321 15550001111", "[1.5, 15550001111]", "15550001111.15550001111"),
        *("15550001111:2", "-15550001111.0", "1 555 000 1111.5", "1 555 000 1111.000"),
        *("caf\xe9 15550001111", "%%15550001111", "100%3D15550001111", "%\r%31555000111%31"),
    ],
)
def test_bodies_that_contain_the_number(body):
    assert Number(DIGITS).is_in_body(body.encode())
    assert Number(DIGITS).is_in_body(body.encode("latin-1"))
    assert Number(DIGITS).is_in_body(body.encode("utf-16"))
    assert Number(DIGITS).is_in_body(body.encode("utf-32"))


@pytest.mark.parametrize(
    "body",
    [
        *('{"n": 0.15550001111}', '{"n": "0.15550001111"}', '{"n": 0.000015550001111}'),
        *('{"n": 3.15550001111}', '{"n": "3.15550001111"}', '{"n": 15550001111.5}'),
        *('{"n": "15550001111.5"}', '{"n": 15550001111.000001}', '{"n": 1.5550001111}'),
        *('{"n": -1.5550001111 }', "[1.5550001111]", '{"n": 1.5550001111E+11}'),
        *('{"n": 1.5550001111e9}', '{"n": 1.5550001111E-10}', '{"n": 1.555000111E+10}'),
        *('{"n": 15550001111E+1}', '{"n": 15550001111.0e1}', '{"n": 155500011110.0}'),
        *("115550001111", "155500011110", "155500011111", "1 0 555 000 1111", "215550001111.0"),
        *(r"\u003115550001111", "%3115550001111", r"15550001111\u0031", "1.55500011111E+10"),
    ],
)
def test_bodies_that_contain_another_number(body):
    assert not Number(DIGITS).is_in_body(body.encode())


@pytest.mark.parametrize(
    "body",
    [
        *("15550001111.0", '{"n": 15550001111.00}', '"15550001111.000"', "1.5550001111E+10"),
        *("[1555000111.1]", '"1 15550001111.0"'),
    ],
)
def test_a_zero_after_the_dot_is_not_a_digit(body):
    assert not Number(LONGER).is_in_body(body.encode())


def test_zeros_after_a_dot_that_are_digits():
    assert Number("33123456700").is_in("+33.1.23.45.67.00")
    assert Number("15555550000").is_in("1-555-555.0000")
    assert Number(LONGER).is_in("1.5550001111E+11")


#: Texts that are slow to search if matching tries several ways, or needs an object for each.
DEAREST = [
    *("\\", "\\u", "\\u%%", "\\\\u0031", "\\u0661\\u0030", "%", "%%%", "%3", "%31", "\u00ff%31"),
    *("(0)", "1(0)", "1", "1 ", "11", "11 ", "1" + " " * 40, "0", "0 ", "x", ".", "1.", "1e6,"),
    *("+", "-", "15550001111.5,", "1.5550001111E+9,", "15550001111e5", "15550001111x1"),
    *("\u0661", "\U0001f600"),
]
#: Nearly each of the numbers, so that the search reads the whole text.
_NEARLY = b"155500011110 111111111111112e5 1111111111111111 100000000 "


def is_quick_to_search(body, digits=DIGITS, **named):
    return is_quick(lambda: Number(digits).is_in_body(body, **named), SECONDS)


@pytest.mark.parametrize("digits", [DIGITS, "11111"])
@pytest.mark.parametrize("text", DEAREST, ids=ascii)
def test_a_body_takes_a_second_for_ten_megabytes_at_most(text, digits):
    """The suite ``hostile`` tries bodies of that size, and random texts."""
    piece = text.encode("latin-1" if text == "\u00ff%31" else "utf-8")
    assert is_quick_to_search(_NEARLY + piece * (SIZE // len(piece)), digits)


@pytest.mark.parametrize(
    ("bad", "encoding"),
    [(b"\xff\xfe" + b"\0\xd8" * 2, "utf-16-le"), (b"\0\0\0\0" + b"\0\xff\xff\xff", "utf-32-be")],
)
def test_text_that_no_codec_can_decode(bad, encoding):
    assert is_quick_to_search(bad[:4] + bad[-4:] * (SIZE // 4))
    assert Number(DIGITS).is_in_body(bad + DIGITS.encode(encoding))


def test_a_compressed_body_is_read_once():
    packer = zlib.compressobj(0)  # as large compressed as uncompressed
    body = packer.compress(b"%31" * (SIZE // 3)) + packer.flush()
    assert is_quick_to_search(body, encoding="deflate")
    bomb = gzip.compress(b"0" * 11 * SIZE)
    with pytest.raises(ValueError, match="10 MiB"):
        Number(DIGITS).is_in_body(bomb, "gzip")


def test_a_body_with_too_many_doubtful_numbers_counts_as_a_match():
    doubtful = "15550001111.5,"
    assert not Number(DIGITS).is_in(doubtful * 20_000)
    assert Number(DIGITS).is_in(doubtful * 20_001)
    assert Number(DIGITS).is_in("1.5550001111E+9," * 20_001)
