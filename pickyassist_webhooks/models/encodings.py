"""Text for a PostgreSQL database that is not UTF-8: ``?`` replaces characters that it lacks.

Such a database refuses a whole batch for one character. The exact bytes stay in ``body``.
"""

from __future__ import annotations

import codecs
from functools import cache
from typing import Any


def holdable(text: Any, connection: Any) -> Any:
    """Return text that the database can store; return other values unchanged."""
    if not isinstance(text, str) or text.isascii():
        return text
    codec = codec_of(connection)
    return text.encode(codec, "replace").decode(codec) if codec else text


def codec_of(connection: Any) -> str | None:
    """Return the codec of a database that cannot store all characters, ``None`` if it can."""
    if connection.vendor != "postgresql":
        return None
    connection.ensure_connection()
    # The server sent it when the connection was opened.
    return _codec(connection.connection.info.parameter_status("server_encoding"))


@cache
def _codec(encoding: str) -> str | None:
    """Return Python's name for an encoding of PostgreSQL, ASCII if it knows none."""
    if encoding == "UTF8":
        return None
    name = encoding.replace("WIN", "cp").replace("KOI8", "KOI8-")
    try:
        return codecs.lookup(name).name
    except LookupError:
        return "ascii"  # also SQL_ASCII, which counts bytes, not characters
