"""Bodies of up to 10 MiB that take far more memory after parsing.

The ``padded`` ones are just below the limits: one bracket in 20 characters, one bracket or comma in
8, and at most 600,000 of them.
"""

from __future__ import annotations

from collections.abc import Callable

from pickyassist_webhooks.conf import KEYS
from pickyassist_webhooks.parsing.decoding import _MAX_VALUES, _PER_BRACKET, _PER_VALUE

LIMIT = KEYS["MAX_BODY_BYTES"].default

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b"

_ROWS = ('{"event_id":1,"data":[', "0]}")
_NAME = '{"event_id":4,"subscriber_id":"1","name":"'
_PART = "--b\r\nContent-Disposition: f; name=a\r\n"
_BASE64 = f"{_PART}Content-Transfer-Encoding: base64\r\n\r\n"


def repeated(item: str, begin: str = "", end: str = "") -> bytes:
    """Repeat an item up to the limit of a body."""
    count = (LIMIT - len(begin) - len(end)) // len(item.encode())
    return (begin + item * count + end).encode()


def padded(item: str, begin: str = _ROWS[0], end: str = _ROWS[1]) -> bytes:
    """Repeat an item up to the limits of the parser."""
    brackets = item.count("{") + item.count("[")
    values = brackets + item.count(",")
    width = max(brackets * _PER_BRACKET, values * _PER_VALUE, len(item))
    room = (LIMIT - len(begin) - len(end)) // width
    count = min(room, _MAX_VALUES // values) - 4  # begin and end count too
    return (begin + item.ljust(width) * count + end).ljust(LIMIT).encode()


def numbered(template: str, count: int, begin: str, end: str) -> bytes:
    """Return ``count`` items that all differ."""
    body = begin + "".join(map(template.format, range(count))) + end
    assert len(body) <= LIMIT
    return body.encode()


#: Each body: its content type, and a function that makes it.
BODIES: dict[str, tuple[str, Callable[[], bytes]]] = {
    "{},": (JSON, lambda: repeated("{},", *_ROWS)),
    '"a",': (JSON, lambda: repeated('"a",', *_ROWS)),
    "[ padded": (JSON, lambda: padded("[", "", "")),
    '{"a": padded': (JSON, lambda: padded('{"a":', "", "")),
    "{}, padded": (JSON, lambda: padded("{},")),
    "1, padded": (JSON, lambda: padded("1,")),
    '"a", padded': (JSON, lambda: padded('"a",')),
    '{"a":1}, padded': (JSON, lambda: padded('{"a":1},')),
    "a list in a text": (
        JSON,
        lambda: repeated(r"\"aaaaaa\",", '{"event_id":1,"data":"[', r'\"a\"]"}'),
    ),
    "a text": (
        JSON,
        lambda: repeated("\U0001f4a5", '{"event_id":4,"subscriber_id":"1","name":"', '"}'),
    ),
    "unknown fields": (
        JSON,
        lambda: numbered('"{:07}":1,', 850_000, '{"event_id":4,', '"subscriber_id":"2"}'),
    ),
    "a form of 200,000 fields": (
        FORM,
        lambda: numbered("&data[{0}][msg_id]={0}", 200_000, "event_id=1", ""),
    ),
    "200,000 parts": (MULTIPART, lambda: numbered(_PART + "\r\n{}\r\n", 199_990, "", "--b--")),
    "a part in base64": (MULTIPART, lambda: repeated("QUFB\n", _BASE64, "\r\n--b--")),
    "headers of a part": (MULTIPART, lambda: repeated("a: b\r\n", "--b\r\n", "\r\n--b--")),
}

#: Bodies that take minutes.
MORE: dict[str, tuple[str, Callable[[], bytes]]] = {
    "rows": (JSON, lambda: numbered('{{"msg_id":{},"status":1}},', 330_000, *_ROWS)),
}
