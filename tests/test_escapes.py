"""The escapes of a form: the same result as ``urllib.parse``, with far less memory."""

from __future__ import annotations

import random
import tracemalloc
from urllib.parse import parse_qsl, unquote_to_bytes

import pytest

from pickyassist_webhooks.parsing import escapes
from pickyassist_webhooks.parsing.escapes import split, unescaped

ATOMS = ["%", "%%", "%4", "%41", "%25", "%3D", "=", "==", "=\n", "+", "a", "F", "é", "%C3%A9", "%e"]
ATOMS += ["_", "%0a", "%FF", "\r", " ", "\udcff"]


def unescaped_by_the_library(text):
    data = text.replace("+", " ").encode("utf-8", "surrogateescape")
    return unquote_to_bytes(data).decode("utf-8", "surrogateescape")


def test_escapes_are_read_as_the_library_reads_them(monkeypatch):
    choices = random.Random(15)
    for length in range(1, 9):  # so that pieces end at every position of an escape
        pattern = escapes._PIECE.pattern.replace(b"65536", b"%d" % length)
        monkeypatch.setattr(escapes, "_PIECE", escapes.re.compile(pattern))
        for _ in range(500):
            text = "".join(choices.choices(ATOMS, k=12))
            assert unescaped(text) == unescaped_by_the_library(text)


def test_fields_are_split_as_the_library_splits_them():
    choices = random.Random(16)
    for _ in range(5000):
        text = "".join(choices.choices([*ATOMS, "&", "%26", "%3d", "%2526", "%2B"], k=12))
        data = text.encode("utf-8", "surrogateescape").decode("latin-1")
        pairs = parse_qsl(data, keep_blank_values=True, encoding="latin-1")
        assert split(text) == [tuple(map(read_as_utf8, pair)) for pair in pairs]


def test_a_mark_that_the_sender_sent_is_not_used(monkeypatch):
    monkeypatch.setattr(escapes, "_PRIVATE", range(0xF0000, 0xF0002))
    text = "a=%F3%B0%80%80&b%26=\U000f0000&c"
    for _ in range(40):
        assert split(text) == [("a", "\U000f0000"), ("b&", "\U000f0000"), ("c", "")]


def read_as_utf8(text):
    return text.encode("latin-1").decode("utf-8", "surrogateescape")


@pytest.mark.parametrize("atom", ["%", "%z", "%41", "%41a", "%E0%A4%95", "%%zz"])
def test_escapes_take_little_memory(atom):
    text = atom * (2**20 // len(atom))
    tracemalloc.start()
    try:
        unescaped(text)
        assert tracemalloc.get_traced_memory()[1] < 12 * 2**20
    finally:
        tracemalloc.stop()
