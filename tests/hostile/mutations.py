"""The mutations of a payload: of its content, and of its bytes. Each is a function."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import strategies as st

from pickyassist_webhooks.parsing.event_types import EVENT_TYPES
from tests.hostile.seeds import IDS, Pairs, Raw, written
from tests.hostile.values import keys, long_texts, values

Draw = Callable[[st.SearchStrategy], Any]

#: Nesting levels of a value: around our limit, and far beyond Python's.
LEVELS = st.integers(1, 200) | st.sampled_from([1000, 5000, 20_000])

_JUNK = [
    b"\0",
    b"\xff",
    b"\x80",
    b"\xc3",
    b"\xc0\xaf",  # a slash, written too long
    b"\xed\xa0\x80",  # half of a surrogate pair
    b"\xed\xa0\xbd\xed\xb8\x80",  # both halves, encoded separately
    b"\xf5\x80\x80\x80",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\0\0\xfe\xff",
    b"\r\n",
    b"\x1a",
    *(bytes([char]) for char in b"{}[]\",:\\&=%+;-' "),
]
_ENCODINGS = (
    *("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"),
    *("utf-8-sig", "latin-1", "cp1252", "utf-7", "cp037", "shift_jis"),
)

#: The names of the vendor's fields.
FIELDS = {name for event_type in EVENT_TYPES for name in event_type.fields}

junk = st.sampled_from(_JUNK) | st.binary(min_size=1, max_size=8)


def _below(holder: list[Any], position: int) -> Iterator[tuple[list[Any], int]]:
    value = holder[position]
    if isinstance(value, Pairs):
        spots = [(pair, 1) for pair in value]
    elif isinstance(value, list):
        spots = [(value, index) for index in range(len(value))]
    else:
        return
    for spot in spots:
        yield spot
        yield from _below(*spot)


def _spot(draw: Draw, root: list[Any]) -> tuple[list[Any], int]:
    """Return one of the values as its container and its position there.

    It is usually the value of a vendor's field.
    """
    spots = [(root, 0), *_below(root, 0)]
    vendors = [spot for spot in spots if isinstance(spot[0][0], str) and spot[0][0] in FIELDS]
    return draw(st.sampled_from(draw(st.sampled_from([vendors, vendors, vendors, spots])) or spots))


def _object(draw: Draw, root: list[Any]) -> Pairs:
    """Return one of the objects, or a new one if there is none."""
    spots = [(root, 0), *_below(root, 0)]
    items = [holder[position] for holder, position in spots]
    objects = [item for item in items if isinstance(item, Pairs)]
    return draw(st.sampled_from(objects)) if objects else Pairs()


def swap_value(draw: Draw, root: list[Any]) -> None:
    holder, position = _spot(draw, root)
    holder[position] = draw(values)


def name_twice(draw: Draw, root: list[Any]) -> None:
    pairs = _object(draw, root)
    key = draw(st.sampled_from([pair[0] for pair in pairs] or ["a"]))
    pairs.insert(draw(st.integers(0, len(pairs))), [key, draw(values)])


def rename(draw: Draw, root: list[Any]) -> None:
    draw(st.sampled_from(_object(draw, root) or Pairs([["", ""]])))[0] = draw(keys)


def add_key(draw: Draw, root: list[Any]) -> None:
    pairs = _object(draw, root)
    pairs.insert(draw(st.integers(0, len(pairs))), [draw(keys), draw(values)])


def leave_out(draw: Draw, root: list[Any]) -> None:
    if pairs := _object(draw, root):
        pairs.pop(draw(st.integers(0, len(pairs) - 1)))


def deepen(draw: Draw, root: list[Any]) -> None:
    holder, position = _spot(draw, root)
    opening, closing = draw(st.sampled_from([("[", "]"), ('{"a":', "}"), ('[{"b":', "}]")]))
    levels = draw(LEVELS)
    holder[position] = Raw(opening * levels + written(holder[position]) + closing * levels)


def lengthen_id(draw: Draw, root: list[Any]) -> None:
    pairs = _object(draw, root)
    ids = [pair for pair in pairs if pair[0] in IDS] or [["", ""]]
    draw(st.sampled_from(ids))[1] = draw(long_texts)


def empty_rows(draw: Draw, root: list[Any]) -> None:
    pairs = _object(draw, root)
    rows: list[Any] = draw(
        st.sampled_from([pair[1] for pair in pairs if pair[0] == "data"] or [[]])
    )
    new = draw(st.lists(st.sampled_from(["{}", "[]", "null", '""', "0"]).map(Raw), max_size=30))
    if isinstance(rows, list) and not isinstance(rows, Pairs):
        rows[0:0] = new
    else:
        pairs.append(["data", new])


def repeat_row(draw: Draw, root: list[Any]) -> None:
    holder, position = _spot(draw, root)
    if len(written(holder[position])) < 2000:
        holder[position] = [holder[position]] * draw(st.integers(2, 40))


OF_CONTENT = (
    swap_value,
    name_twice,
    rename,
    add_key,
    leave_out,
    deepen,
    lengthen_id,
    empty_rows,
    repeat_row,
)


def cut_end(draw: Draw, body: bytes) -> bytes:
    return body[: draw(st.integers(0, len(body)))]


def cut_begin(draw: Draw, body: bytes) -> bytes:
    return body[draw(st.integers(0, len(body))) :]


def insert_bytes(draw: Draw, body: bytes) -> bytes:
    position = draw(st.integers(0, len(body)))
    return body[:position] + draw(junk) + body[position:]


def replace_bytes(draw: Draw, body: bytes) -> bytes:
    position = draw(st.integers(0, len(body)))
    new = draw(junk)
    return body[:position] + new + body[position + len(new) :]


def encode(draw: Draw, body: bytes) -> bytes:
    text = body.decode("utf-8", "surrogateescape")
    encoding = draw(st.sampled_from(_ENCODINGS))
    errors = "surrogatepass" if encoding.startswith(("utf-16", "utf-32")) else "replace"
    return text.encode(encoding, errors)


def compress(draw: Draw, body: bytes) -> bytes:
    return gzip.compress(body, 1, mtime=0)


def say_twice(draw: Draw, body: bytes) -> bytes:
    return body + draw(st.sampled_from([b"", b"\n", b",", b"&"])) + body


OF_BYTES = (cut_end, cut_begin, insert_bytes, replace_bytes, encode, compress, say_twice)
