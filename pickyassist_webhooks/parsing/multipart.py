"""The parts of a form, read once from front to back.

``email`` takes minutes for a header of a megabyte, and nested parts overflow its stack.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice

from ..exceptions import UnreadablePayload

#: Maximum characters of all headers of one part: usually a hundred.
_MAX_HEAD = 16_384

#: Maximum parameters of a header to search for the name: usually it is the first.
_MAX_PARAMETERS = 100

_BOUNDARY = re.compile(r"boundary\s*=\s*(?:\"([^\"]+)\"|([^\s;\"]+))", re.IGNORECASE)
# The rest of the boundary's line: the last one has two dashes.
_LINE_END = re.compile(rb"(--)?[ \t]*\r?(?:\n|\Z)")
_BLANK_LINE = re.compile(rb"(?:\A|\r?\n)\r?(?:\n|\Z)")
_FOLD = re.compile(r"\r?\n[ \t]+")
_DISPOSITION = re.compile(r"^content-disposition[ \t]*:(.*)", re.IGNORECASE | re.MULTILINE)
_ENCODING = re.compile(
    r"^content-transfer-encoding[ \t]*:[ \t]*([\w-]+)", re.IGNORECASE | re.MULTILINE
)
_PARAMETER = re.compile(r";[ \t]*([^\s=;]+)[ \t]*=[ \t]*(?:\"((?:[^\"\\]|\\.)*)\"|([^;]*))")
_QUOTED = re.compile(r"\\([\"\\])")

_DECODERS: dict[str, Callable[[bytes], bytes]] = {
    "base64": binascii.a2b_base64,
    "quoted-printable": binascii.a2b_qp,
}


def pairs_of(body: bytes, content_type: str) -> list[tuple[str, str]]:
    """Return the names and contents of the parts that have a name."""
    boundary = _BOUNDARY.search(content_type)
    if boundary is None:
        return []
    pairs = []
    for part in _parts(body, (boundary[1] or boundary[2]).encode("ascii", "replace")):
        head, content = _divided(part)
        name = _name_in(head)
        if name is not None:
            pairs.append((name, _decoded(head, content).decode("utf-8", "surrogateescape")))
    return pairs


def _parts(body: bytes, boundary: bytes) -> Iterator[bytes]:
    delimiter = b"\n--" + boundary
    lines = body if b"\n" in body else body.replace(b"\r", b"\n")
    _, *pieces = (b"\n" + lines).split(delimiter)
    part: list[bytes] = []
    for piece in pieces:
        line_end = _LINE_END.match(piece)
        if line_end is None:
            part += delimiter, piece  # a line that only starts like the boundary
            continue
        if part:
            yield b"".join(part)
        if line_end[1]:
            return
        part = [piece[line_end.end() :]]
    yield b"".join(part)  # the body was truncated


def _divided(part: bytes) -> tuple[str, bytes]:
    """Return the headers of a part, each on one line, and its content."""
    blank_line = _BLANK_LINE.search(part, 0, _MAX_HEAD)
    if blank_line is None:
        raise UnreadablePayload("not_json", f"at most {_MAX_HEAD} characters of headers in a part")
    head = part[: blank_line.start()].decode("utf-8", "surrogateescape")
    return _FOLD.sub(" ", head), part[blank_line.end() :].removesuffix(b"\r")


def _name_in(head: str) -> str | None:
    disposition = _DISPOSITION.search(head)
    if disposition:
        for parameter in islice(_PARAMETER.finditer(disposition[1]), _MAX_PARAMETERS):
            name, quoted, bare = parameter.groups("")
            if name.lower() == "name":
                return _QUOTED.sub(r"\1", quoted) or bare.strip()
    return None


def _decoded(head: str, content: bytes) -> bytes:
    encoding = _ENCODING.search(head)
    if encoding and (decode := _DECODERS.get(encoding[1].lower())):
        with suppress(ValueError):
            return decode(content)
    return content
