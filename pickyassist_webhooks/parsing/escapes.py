"""The escapes of a form, ``%2B`` and ``+``, read in linear time and memory.

``urllib.parse`` makes an object for each percent sign: ten million take over a gigabyte.
Bytes that are not UTF-8 become lone surrogates.
"""

from __future__ import annotations

import binascii
import re

_NO_ESCAPE = re.compile(rb"%(?![0-9a-fA-F]{2})")
# It never ends inside an escape. By then it has no two percent signs next to each other.
_PIECE = re.compile(rb"(?s).{1,65536}(?:(?<=%)[^%]{,2}|(?<=%.)[^%]?)?")


def unescaped(text: str) -> str:
    """Decode the percent escapes of a text, and replace each plus sign by a blank."""
    text = text.replace("+", " ")
    return _decoded(text, keep=()) if "%" in text else text


def split(text: str) -> list[tuple[str, str]]:
    """Return the names and values of a form, decoded."""
    text = text.replace("+", " ")
    if "%" in text:
        # Decode all of it at once: far faster than each field. Keep the escapes that would look
        # like the separators of fields.
        text = _decoded(text, keep=(b"%25", b"%26", b"%3D", b"%3d"))
    pairs = (pair.partition("=") for pair in text.split("&") if pair)
    return [(_without_kept(name), _without_kept(value)) for name, _, value in pairs]


def _without_kept(text: str) -> str:
    if "%" in text:
        text = text.replace("%26", "&").replace("%3D", "=").replace("%3d", "=")
        text = text.replace("%25", "%")
    return text


def _decoded(text: str, keep: tuple[bytes, ...]) -> str:
    """Decode all escapes of a text except those in ``keep``."""
    data = text.encode("utf-8", "surrogateescape")
    # Two passes: the first leaves pairs between the pairs that it replaced.
    for _ in range(2):
        data = data.replace(b"%%", b"%25%")
    pieces = (_plain(piece[0], keep) for piece in _PIECE.finditer(data))
    return b"".join(pieces).decode("utf-8", "surrogateescape")


def _plain(piece: bytes, keep: tuple[bytes, ...]) -> bytes:
    piece = _NO_ESCAPE.sub(b"%25", piece)
    for escape in keep:
        piece = piece.replace(escape, b"%25" + escape[1:])
    # Quoted-printable differs only in its sign, and has a decoder in C.
    return binascii.a2b_qp(piece.replace(b"=", b"%3D").replace(b"%", b"="))
