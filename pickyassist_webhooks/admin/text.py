"""What a stranger sent, as text that a page can hold and a person can read."""

from __future__ import annotations

import json
import re

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import ngettext

from ..characters import UNSEEN, escaped, visible

#: Characters shown of a body or a long text. A body may be 10 MiB, a phone shows 2,000 at once.
MAX_SHOWN = 10_000

#: Characters shown of a text in a list.
MAX_IN_LIST = 60

_UNSEEN_IN_LINES = re.compile(rf"(?![\t\n]){UNSEEN.pattern}")

_TOKEN = re.compile(
    r'[ \t\r\n]*("[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)|[{}\[\],:]|[^ \t\r\n{}\[\],:"]+)', re.DOTALL
)
_BARE = re.compile(r"-?[0-9][0-9.eE+-]*|true|false|null|NaN|-?Infinity")
_MAX_INDENT = 40


def visible_lines(text: str) -> str:
    r"""Return text with its line breaks and tabs, and whatever else cannot be seen written out."""
    return _UNSEEN_IN_LINES.sub(escaped, text.replace("\r\n", "\n"))


def shortened(text: str) -> str:
    """Return the beginning of a text in one line, for a list."""
    return visible(text if len(text) <= MAX_IN_LIST else f"{text[: MAX_IN_LIST - 1]}…")


def preformatted(text: str) -> SafeString:
    """Return a long text as HTML, with how much of it was left out."""
    return _shown(text[:MAX_SHOWN], len(text) - MAX_SHOWN)


def pretty_json(value: object) -> SafeString:
    """Return a JSON value as HTML."""
    return preformatted(json.dumps(value, ensure_ascii=False, indent=2))


def pretty_body(body: bytes) -> SafeString:
    r"""Return a body as HTML: JSON indented, everything else as it came.

    Bytes that are no text show as ``\xXX``.
    """
    text = body.decode(json.detect_encoding(body), "backslashreplace")
    if text.lstrip()[:1] in ("{", "["):
        try:
            # More than is shown, however it is escaped: a long text is not read to its end.
            shown, left_out = _indented(text[: 10 * MAX_SHOWN])
            return _shown(shown, left_out + max(0, len(text) - 10 * MAX_SHOWN))
        except ValueError:
            pass  # no JSON after all
    return preformatted(text)


def _shown(text: str, left_out: int) -> SafeString:
    shown = format_html('<pre class="pickyassist-text">{}</pre>', visible_lines(text))
    if left_out <= 0:
        return shown
    note = ngettext(
        "%(count)d more character is not shown.",
        "%(count)d more characters are not shown.",
        left_out,
    ) % {"count": left_out}
    return format_html('{}<p class="help">{}</p>', shown, note)


def _indented(text: str) -> tuple[str, int]:
    """Return the beginning of JSON text with line breaks, and how many characters are left out.

    Works on the text, so that repeated keys, ``1e400`` and a body cut short are shown as they came,
    and only as much of 10 MiB is read as is shown. Raises ``ValueError`` where it is no JSON.
    """
    pieces: list[str] = []
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
        if before in ("{", "[", ",") or piece in ("}", "]") or (before and not depth):
            if (before, piece) not in (("{", "}"), ("[", "]")):
                piece = "\n" + "  " * min(depth, _MAX_INDENT) + piece
        elif before == ":":
            piece = f" {piece}"
        if token[1] in ("{", "["):
            depth += 1
        before = token[1]
        pieces.append(piece[: MAX_SHOWN - size])
        size += len(piece)
        if size >= MAX_SHOWN:
            return "".join(pieces), len(text) - token.end() + size - MAX_SHOWN
        token = _TOKEN.match(text, token.end())
    return "".join(pieces), 0


def _readable(token: str) -> str:
    r"""Return a JSON string with letters in place of PHP's ``\u0906``, or as it came."""
    try:
        return json.dumps(json.loads(token, strict=False), ensure_ascii=False)
    except ValueError:
        return token  # cut short, or with an escape that JSON does not have
