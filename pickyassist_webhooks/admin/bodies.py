"""JSON text as it is shown: indented, and what lies where in it. Pure: no HTML, no database."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

from ..shapes import SHAPES

_TOKEN = re.compile(
    r'[ \t\r\n]*("[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)|[{}\[\],:]|[^ \t\r\n{}\[\],:"]+)', re.DOTALL
)
_BARE = re.compile(r"-?[0-9][0-9.eE+-]*|true|false|null|NaN|-?Infinity")
_MAX_INDENT = 40

_PATH = re.compile(r"(?:data\[([0-9]{1,9})\]\.?)?([\w-]*)")
_MARKS = frozenset().union(*(shape.marks for shape in SHAPES))


@dataclass
class Place:
    """A value as it is shown: from where to where, with its key if there is more in it.

    Of an object or a list these are the characters up to its opening bracket.
    """

    start: int
    end: int
    opening: str
    children: dict[str, Place] = field(default_factory=dict)
    is_whole: bool = False


class Outline:
    """What lies where in a text, as ``json.loads`` would read it, found by a problem's path."""

    def __init__(self) -> None:
        self._top = Place(0, 0, "[")
        self._open = [self._top]
        self._key, self._key_start = "", 0
        self._rows: list[Place] | None = None

    def follow(self, token: str, before: str, start: int, end: int) -> None:
        """Take the next token, the one before it, and where it is shown."""
        parent = self._open[-1]
        if token in ("}", "]"):
            if len(self._open) > 1:
                self._open.pop().is_whole = True
        elif token in (",", ":"):
            pass
        elif parent.opening == "{" and before != ":":
            self._key, self._key_start = token[1:-1], start
        else:
            name = self._key if parent.opening == "{" else str(len(parent.children))
            opening = token if token in ("{", "[") else ""
            if opening and parent.opening == "{":
                start = self._key_start
            # Of a key that is repeated the last value counts, in the place of the first.
            parent.children[name] = place = Place(start, end, opening)
            if opening:
                self._open.append(place)

    def find(self, path: str, code: str) -> tuple[Place, str] | None:
        """Return the value that a problem is about, or the object that lacks it and its name.

        ``None`` where it lies beyond what is shown, or may.
        """
        match = _PATH.fullmatch(path)
        if match is None:
            return None
        place, name = self._top.children["0"], match[2]
        if match[1]:
            rows, index = self._rows_shown(), int(match[1])
            if index >= len(rows):
                return None
            place = rows[index]
        if not name:
            return place, ""
        if name in place.children:
            return place.children[name], ""
        # What is called missing was not in what is not shown either.
        if place.is_whole or code == "missing":
            return place, name
        return None

    def _rows_shown(self) -> list[Place]:
        """Return the rows under ``data``, told from a single one as ``payloads`` does."""
        if self._rows is None:
            data = self._top.children["0"].children.get("data")
            if data is None:
                self._rows = []
            elif data.opening == "{" and _is_row(data):
                self._rows = [data]
            else:
                self._rows = list(data.children.values())
        return self._rows


def _is_row(data: Place) -> bool:
    values = data.children.values()
    return not _MARKS.isdisjoint(data.children) or not any(each.opening == "{" for each in values)


def indented(text: str, length: int) -> tuple[str, int, Outline]:
    """Return the beginning of JSON text with line breaks, how much is left out, and its outline.

    Works on the text, so that repeated keys, ``1e400`` and a body cut short are shown as they came,
    and only as much of 10 MiB is read as is shown. Raises ``ValueError`` where it is no JSON.
    """
    pieces: list[str] = []
    outline = Outline()
    size = depth = 0
    before = ""
    token = _TOKEN.match(text)
    while token:
        piece = token[1]
        if piece[0] == '"':
            piece = _readable(piece)
        elif piece in ("}", "]"):
            depth = max(depth - 1, 0)
        elif piece not in ("{", "[", ",", ":") and not _BARE.fullmatch(piece):
            raise ValueError(f"expected a JSON value, came: {piece[:40]!a}")
        gap = _gap(before, piece, depth)
        if token[1] in ("{", "["):
            depth += 1
        start = size + len(gap)
        size = start + len(piece)
        if start < length:
            outline.follow(piece, before, start, size)
        pieces += (gap, piece)
        before = token[1]
        if size >= length:
            return "".join(pieces)[:length], len(text) - token.end() + size - length, outline
        token = _TOKEN.match(text, token.end())
    return "".join(pieces), 0, outline


def _gap(before: str, piece: str, depth: int) -> str:
    """Return the white space between two tokens."""
    if before in ("{", "[", ",") or piece in ("}", "]") or (before and not depth):
        is_empty = (before, piece) in (("{", "}"), ("[", "]"))
        return "" if is_empty else "\n" + "  " * min(depth, _MAX_INDENT)
    return " " if before == ":" else ""


def _readable(token: str) -> str:
    r"""Return a JSON string with letters in place of PHP's ``\u0906``, or as it came."""
    try:
        return json.dumps(json.loads(token, strict=False), ensure_ascii=False)
    except ValueError:
        return token  # cut short, or with an escape that JSON does not have
