"""JSON text to show: indented, with the position of each value. Pure: no HTML, no database."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cached_property

from ..parsing.event_types import EVENT_TYPES

_TOKEN = re.compile(
    r'[ \t\r\n]*("[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)|[{}\[\],:]|[^ \t\r\n{}\[\],:"]+)', re.DOTALL
)
_BARE = re.compile(r"-?[0-9][0-9.eE+-]*|true|false|null|NaN|-?Infinity")
_MAX_INDENT = 40

_PATH = re.compile(r"(?:data\[([0-9]{1,9})\]\.?)?([\w-]*)")
_MARKS = frozenset().union(*(event_type.signature_fields for event_type in EVENT_TYPES))


@dataclass
class Position:
    """The position of a value in the text. Objects and lists include their key.

    An object or a list ends here at its opening bracket.
    """

    start: int
    end: int
    opening: str
    children: dict[str, Position] = field(default_factory=dict)
    is_whole: bool = False


class Outline:
    """The positions of all values, as ``json.loads`` would read them, to find by a path."""

    def __init__(self) -> None:
        self._top = Position(0, 0, "[")
        self._open = [self._top]
        self._key, self._key_start = "", 0

    def follow(self, token: str, before: str, start: int, end: int) -> None:
        """Take the next token, the one before it, and its position."""
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
            # If a key is repeated its last value counts, at the position of the first.
            parent.children[name] = position = Position(start, end, opening)
            if opening:
                self._open.append(position)

    def find(self, path: str, code: str) -> tuple[Position, str] | None:
        """Return the position of a problem's value; if it is missing, its object and its name.

        ``None`` if it may be outside of the shown part.
        """
        match = _PATH.fullmatch(path)
        if match is None:
            return None
        position, name = self._top.children["0"], match[2]
        if match[1]:
            index = int(match[1])
            if index >= len(self._rows):
                return None
            position = self._rows[index]
        if not name:
            return position, ""
        if name in position.children:
            return position.children[name], ""
        # A missing value is not in the part that is not shown either.
        if position.is_whole or code == "missing":
            return position, name
        return None

    @cached_property
    def _rows(self) -> list[Position]:
        """The rows of ``data``, as ``payloads`` tells them from a single row."""
        data = self._top.children["0"].children.get("data")
        if data is None:
            return []
        is_row = data.opening == "{" and _is_row(data)
        return [data] if is_row else list(data.children.values())


def _is_row(data: Position) -> bool:
    values = data.children.values()
    return not _MARKS.isdisjoint(data.children) or not any(value.opening == "{" for value in values)


def indented(text: str, length: int) -> tuple[str, int, Outline]:
    """Return the beginning of JSON text, indented, the count of omitted characters, and an outline.

    It works on the text: repeated keys, ``1e400`` and a cut body are shown as they came, and only
    the shown part of 10 MiB is read. Raises ``ValueError`` if the text is not JSON.
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
    r"""Return a JSON string with letters instead of PHP's ``\u0906``, or as it came."""
    try:
        return json.dumps(json.loads(token, strict=False), ensure_ascii=False)
    except ValueError:
        return token  # cut short, or with an escape that JSON does not have
