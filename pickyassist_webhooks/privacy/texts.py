"""The texts that a request's bytes can stand for, in time and memory proportional to them."""

from __future__ import annotations

import binascii
import json
import re
import zlib
from collections.abc import Iterator
from contextlib import suppress

#: Bytes read of a compressed body.
_MAX_UNPACKED = 10 * 1024 * 1024

#: Characters whose escapes are read at once, and how many may be invalid; JSON has none.
_PIECE = 65536
_MAX_INVALID = 1000

# Python reads the escapes of JSON and a longer one; for any other it raises, which is slow.
_NO_ESCAPE = re.compile(r"\\u(?![0-9a-fA-F]{4})")
_OTHER_ESCAPES = {r"\/": "/", r"\t": " ", r"\n": " ", r"\r": " ", r"\U": "_"}

_PERCENT = re.compile(rb"%[0-9a-fA-F]{2}")
# Quoted-printable is like the escapes of forms, but for its sign, and breaks lines with it.
_QUOTED = bytes.maketrans(b"%=\r\n", b"=_  ")

# Bytes that no codec takes as a part of a character: each would raise an exception.
_NO_HALVES = bytes(0xE0 if 0xD8 <= byte <= 0xDF else byte for byte in range(256))
_NO_PLANES = bytes(min(byte, 0x10) for byte in range(256))


def texts_of(body: bytes, encoding: str = "") -> Iterator[str]:
    """Yield the texts of a body, once with the escapes of JSON read and once with those of a form.

    Raises ``ValueError`` at the end if the Content-Encoding cannot be read.
    """
    unreadable = None
    try:
        body = _unpacked(body, encoding.strip().lower())
    except ValueError as err:
        unreadable = err
    for data in _encodings(body):
        yield _without_backslashes(data)
        if _PERCENT.search(data):
            yield _without_backslashes(_without_percents(data))
    if unreadable is not None:
        raise unreadable


def _encodings(body: bytes) -> Iterator[bytes]:
    """Yield the bytes, and the same text in UTF-8."""
    yield body  # its beginning may mislead about the rest
    encoding = json.detect_encoding(body)
    if encoding.startswith("utf-8"):
        return
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError:
        text = _wide(body, encoding)
    yield text.encode()


def _wide(body: bytes, encoding: str) -> str:
    """Decode characters of two or four bytes, with other characters instead of invalid ones."""
    width = 4 if "32" in encoding else 2
    is_little = body.startswith(b"\xff\xfe") or encoding.endswith("le")
    lowest_first = range(width) if is_little else range(width)[::-1]
    data = bytearray(body[: len(body) // width * width])
    for offset, valid in zip(lowest_first[1:], (_NO_HALVES, _NO_PLANES, bytes(256)), strict=False):
        data[offset::width] = data[offset::width].translate(valid)
    return data.decode(f"utf-{8 * width}-{'le' if is_little else 'be'}")


def _without_percents(data: bytes) -> bytes:
    """Return bytes with the escapes of a form read, by a decoder in C.

    Signs that escape nothing may become other characters: only digits matter here.
    """
    data = data.translate(_QUOTED)
    for _ in range(2):  # the second round for pairs that the first one leaves between others
        data = data.replace(b"==", b"_=")
    return binascii.a2b_qp(data)


def _without_backslashes(data: bytes) -> str:
    """Return the text of bytes with the escapes of JSON read, also of JSON in JSON."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode("latin-1")  # all encodings of one byte have the same digits
    if "\\" not in text:
        return text
    while "\\\\" in text:  # each round halves them
        text = text.replace("\\\\", "\\")
    for escape, character in _OTHER_ESCAPES.items():
        text = text.replace(escape, character)
    return "".join(_pieces(text))


def _pieces(text: str) -> Iterator[str]:
    start = 0
    while start < len(text):
        end = text.find("\\", start + _PIECE)
        piece = text[start:] if end < 0 else text[start:end]
        yield _without_escapes(piece)
        start += len(piece)


def _without_escapes(piece: str) -> str:
    escaped = _NO_ESCAPE.sub("_", piece, _MAX_INVALID).encode("raw_unicode_escape")
    with suppress(UnicodeDecodeError):
        return escaped.decode("raw_unicode_escape")
    return piece


def _unpacked(body: bytes, encoding: str) -> bytes:
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise ValueError(f"expected gzip or deflate, came {encoding!a}")
    for format_ in (zlib.MAX_WBITS | 32, -zlib.MAX_WBITS):  # with a head, or bare
        packed = zlib.decompressobj(format_)
        try:
            unpacked = packed.decompress(body, _MAX_UNPACKED)
        except zlib.error:
            continue
        if packed.unconsumed_tail or packed.unused_data or not packed.eof:
            raise ValueError("expected one packed body of 10 MiB at most, came more or less")
        return unpacked
    raise ValueError(f"expected {encoding} data, came something else")
