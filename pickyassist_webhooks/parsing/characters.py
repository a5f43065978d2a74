"""Characters that a database cannot hold, and characters that a person cannot see."""

from __future__ import annotations

import re

# Characters that some database cannot hold: NUL, and halves of surrogate pairs.
UNSTORABLE = re.compile("[\0\ud800-\udfff]")

# Characters that are invisible, reverse the rest of a line or break the page: control characters,
# direction and zero-width characters, line separators, halves of surrogate pairs.
# Joiners stay: emoji and half of India's scripts need them.
UNSEEN = re.compile(
    "[\0-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ud800-\udfff]"
)

_UNSEEN_IN_LINES = re.compile(rf"(?![\t\n]){UNSEEN.pattern}")

# White space of every script and invisible characters: copying a secret can add them to its ends.
_BLANKS = "\u200c\u200d\ufeff" + "".join(
    character
    for character in map(chr, range(0x3001))
    if character.isspace() or UNSEEN.match(character)
)

#: Maximum length of a secret's label.
MAX_LABEL = 100

_PIECE = 65_536

_NOT_PRINTABLE_ASCII = re.compile(r"[^\x20-\x7e]")


def printable(text: str, length: int = 255) -> str:
    """Return text that every database accepts: printable ASCII, at most ``length`` characters."""
    return _NOT_PRINTABLE_ASCII.sub("?", text)[:length]


def bare(text: str, also: str = "") -> str:
    """Return text without white space, invisible characters and those in ``also`` at its ends."""
    return text.strip(_BLANKS + also)


def storable(text: str) -> str:
    """Replace characters that some database cannot hold by U+FFFD."""
    if text.isascii() and "\0" not in text:  # nearly every text, and far faster
        return text
    # Piece by piece, because each match takes more memory than a character.
    pieces = (text[start : start + _PIECE] for start in range(0, len(text), _PIECE))
    return "".join(UNSTORABLE.sub("\ufffd", piece) for piece in pieces)


def visible(text: str) -> str:
    r"""Return text on one line, with invisible characters written as ``\uXXXX``."""
    return UNSEEN.sub(escaped, text)


def visible_lines(text: str) -> str:
    r"""Return text with its line breaks and tabs; other invisible characters are written out."""
    return _UNSEEN_IN_LINES.sub(escaped, text.replace("\r\n", "\n"))


def escaped(match: re.Match[str]) -> str:
    """Return a character as JSON would escape it."""
    return f"\\u{ord(match[0]):04x}"
