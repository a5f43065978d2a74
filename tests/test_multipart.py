"""Parts of a form: read from front to back, with any headers."""

from __future__ import annotations

import pytest

from pickyassist_webhooks.parsing.decoding import decode
from pickyassist_webhooks.parsing.payloads import parse
from tests.machine import is_quick

MULTIPART = "multipart/form-data; boundary=b"
DISPOSITION = b"Content-Disposition: form-data; name="
LIMIT = 10 * 2**20


def part(head, content, line_end=b"\r\n"):
    return b"--b" + line_end + head + line_end * 2 + content + line_end


@pytest.mark.parametrize("label", ["boundary=b", 'Boundary = "b"', "charset=x; boundary=b; y=z"])
@pytest.mark.parametrize("line_end", [b"\r\n", b"\n", b"\r"])
def test_parts(line_end, label):
    body = part(DISPOSITION + b"event_id", b"4", line_end)
    body += part(DISPOSITION + b'"name"', b"two--b" + line_end + b"lines", line_end)
    fields = decode(body + b"--b--" + line_end, f"multipart/form-data; {label}")
    lines = {b"\r": b"\n"}.get(line_end, line_end)
    assert fields == {"event_id": "4", "name": f"two--b{lines.decode()}lines"}


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b'Content-Disposition: form-data; name="a"', "a"),
        (b"content-disposition:form-data;name=a", "a"),
        (b"CONTENT-DISPOSITION: form-data; NAME = a ; filename=b", "a"),
        (b'Content-Disposition: form-data; filename="x; name=b"; name="a"', "a"),
        (b'Content-Disposition: form-data;\r\n\tname="a"', "a"),
        (b'Content-Disposition: form-data; name="a\\"b\\\\c\\d"', 'a"b\\c\\d'),
        ('Content-Disposition: form-data; name="é"'.encode(), "é"),
        (b'Content-Type: text/plain; name=b\r\nContent-Disposition: form-data; name="a"', "a"),
        (b'Content-Disposition: form-data; name="a', '"a'),
        (b"Content-Disposition: form-data; name=", ""),
    ],
)
def test_names_of_parts(head, name):
    body = part(DISPOSITION + b"z", b"1") + part(head, b"2") + b"--b--"
    assert decode(body, MULTIPART) == {"z": "1", name or "0": "2"}


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Type: text/plain",
        b"Content-Disposition: form-data",
        b"Content-Disposition: form-data" + b"; x=1" * 100 + b"; name=a",
        b"",
    ],
)
def test_a_part_without_a_name_is_not_read(head):
    body = part(DISPOSITION + b"z", b"1") + part(head, b"2") + part(DISPOSITION + b"y", b"3")
    assert decode(body + b"--b--", MULTIPART) == {"z": "1", "y": "3"}


@pytest.mark.parametrize(
    ("encoding", "content", "decoded"),
    [
        (b"base64", b"QUI=", "AB"),
        (b"BASE64", b"QUI", "QUI"),  # truncated
        (b"quoted-printable", b"=41=3D", "A="),
        (b"8bit", b"=41", "=41"),
        (b"x-unknown", b"QUI=", "QUI="),
    ],
)
def test_encodings_of_parts(encoding, content, decoded):
    head = DISPOSITION + b"a\r\nContent-Transfer-Encoding: " + encoding
    body = part(DISPOSITION + b"z", b"1") + part(head, content) + b"--b--"
    assert decode(body, MULTIPART) == {"z": "1", "a": decoded}


def test_parts_that_are_not_closed():
    body = b"before\r\n" + part(DISPOSITION + b"z", b"1") + part(DISPOSITION + b"y", b"2")
    fields = {"z": "1", "y": "2\r\n"}
    assert decode(body, MULTIPART) == fields
    assert decode(body + b"--b--\r\n" + part(DISPOSITION + b"x", b"3"), MULTIPART)["y"] == "2"
    body = part(DISPOSITION + b"z", b"1") + b"--b" + b"\r\n--bb\r\n--b--"
    assert parse(body, MULTIPART).problems


@pytest.mark.parametrize("label", ["multipart/form-data", "multipart/form-data; boundary="])
def test_parts_without_a_boundary(label):
    [problem] = parse(part(DISPOSITION + b"event_id", b"1"), label).problems
    assert problem.code == "not_json"


@pytest.mark.parametrize(
    "head",
    [
        b'Content-Disposition: form-data; name="a"; x="' + b";" * LIMIT,
        b"Content-Disposition: form-data" + b";" * LIMIT,
        b"Content-Disposition: form-data; name*0=" + b'a; name*1="' * (LIMIT // 20),
        b"Content-Disposition: form-data; name=" + b"\r\n " * (LIMIT // 4),
        b"a: b\r\n" * (LIMIT // 10),
    ],
)
def test_long_headers_of_a_part_are_refused(head):
    body = part(DISPOSITION + b"event_id", b"1") + part(head[: LIMIT - 100], b"1") + b"--b--"
    [problem] = parse(body, MULTIPART).problems
    assert problem.code == "not_json"
    assert is_quick(lambda: parse(body, MULTIPART), 0.5)


@pytest.mark.parametrize("filler", [b";", b"; ", b";a", b';a="', b";a= ", b';a="\\"', b";a=\\"])
def test_headers_of_many_parts_take_no_time(filler):
    head = DISPOSITION[:-6] + filler * (16_000 // len(filler))
    body = part(head, b"1") * (LIMIT // 2 // len(head))
    assert parse(body, MULTIPART).problems
    assert is_quick(lambda: parse(body, MULTIPART), 1)


@pytest.mark.parametrize(
    "kind", [b"message/rfc822", b"Multipart/Mixed; boundary=b", b"Message/RFC822"]
)
def test_nested_parts_are_too_deep(kind):
    head = b"Content-Type: " + kind + b"\r\n\r\n"
    for times in (65, 3000):
        body = b"--b\r\n" + head * times + part(DISPOSITION + b"event_id", b"1") + b"--b--"
        [problem] = parse(body, MULTIPART).problems
        assert problem.code == "too_deep"
