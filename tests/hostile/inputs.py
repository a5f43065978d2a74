"""Requests to post: a mutated vendor payload, in some encoding, with some content type."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from hypothesis import assume
from hypothesis import strategies as st

from tests.hostile.mutations import OF_BYTES, OF_CONTENT, Draw
from tests.hostile.seeds import BUILT, CANARY, FORMS, RECORDED, Pairs, marked, written
from tests.requests import SECRET

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
_BOUNDARY = "hostile-boundary"
MULTIPART = f"multipart/form-data; boundary={_BOUNDARY}"

#: Python codecs that are not for text. With one of them and a query string, Django itself fails
#: before it calls a view.
_NO_CHARSETS = ("rot13", "base64", "idna", "undefined")
#: Content types that do not match the body.
_LABELS = [
    "",
    JSON,
    FORM,
    MULTIPART,
    "text/plain",
    "multipart/form-data",
    'multipart/form-data; boundary=""',
    "multipart/form-data; boundary=" + "x" * 300,
    f"multipart/form-data; boundary={_BOUNDARY}; charset=utf-16",
    "multipart/form-data; boundary*=utf-8''%ff",
    "multipart/mixed; boundary=a",
    "message/rfc822",
    f"{FORM}; charset=utf-16",
    *(
        f"{JSON}; charset={charset}"
        for charset in (
            *("utf-8", "utf-16", "UTF-7", "latin-1", '"iso-8859-15"', "iso-8859-99"),
            *("windows-1252", "cp1259", "shift_jis", "", *_NO_CHARSETS),
        )
    ),
    f"{CANARY}/{CANARY}; \xff\0",
    f"{JSON}; token={SECRET}",
    "x" * 3000,
]
_ENCODINGS = ["gzip", "GZIP", "br, gzip", "identity", " Identity ", "", CANARY * 40, "\0"]
_QUERIES = ["", f"?token={SECRET}", f"?{quote(CANARY)}=%00%ff&&=&a[]=1", "?" + "q" * 3000]
_PART_ENCODINGS = ["base64", "quoted-printable", "x-uuencode", "7bit", "binary", CANARY]

#: Larger bodies take a second each and have a separate test.
MAX_BODY = 1_000_000

_rarely = st.sampled_from([False] * 9 + [True])


@dataclass(frozen=True)
class Sent:
    """A request, and the names of its mutations."""

    body: bytes
    content_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)
    query: str = ""
    mutations: tuple[str, ...] = ()


def _fields(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield form fields with names as in PHP."""
    if isinstance(value, list) and value:
        pairs = value if isinstance(value, Pairs) else enumerate(value)
        for key, item in pairs:
            yield from _fields(item, f"{name}[{key}]" if name else str(key))
    else:
        yield name, value if isinstance(value, str) else json.dumps(value)


def _as_json(draw: Draw, value: Any) -> tuple[bytes, str]:
    text = written(value, escaped=draw(st.booleans()))
    return text.encode("utf-8", "surrogatepass"), JSON


def _as_form(draw: Draw, value: Any) -> tuple[bytes, str]:
    fields = list(_fields(value))
    if draw(st.booleans()):
        return urlencode(fields, errors="surrogatepass").encode(), FORM
    bare = "&".join(f"{name}={text}" for name, text in fields)
    return bare.encode("utf-8", "surrogatepass"), FORM


def _as_json_in_form(draw: Draw, value: Any) -> tuple[bytes, str]:
    text = written(value)
    if isinstance(value, Pairs) and draw(st.booleans()):
        fields = [(key, item if isinstance(item, str) else written(item)) for key, item in value]
    else:
        fields = draw(st.sampled_from([[("payload", text)], [(text, "")]]))
    return urlencode(fields, errors="surrogatepass").encode(), FORM


def _as_multipart(draw: Draw, value: Any) -> tuple[bytes, str]:
    disposition = draw(st.sampled_from(["name", "name*", "filename", "name*0"]))
    more = draw(st.sampled_from(["", *_PART_ENCODINGS]))
    header = f"\r\nContent-Transfer-Encoding: {more}" if more else ""
    parts = [
        f"--{_BOUNDARY}\r\nContent-Disposition: form-data; {disposition}={json.dumps(name)}{header}"
        f"\r\n\r\n{text}\r\n"
        for name, text in _fields(value)
    ]
    body = "".join(parts) + draw(st.sampled_from([f"--{_BOUNDARY}--\r\n", ""]))
    return body.encode("utf-8", "surrogatepass"), MULTIPART


def _in_some_form(draw: Draw, value: Any) -> tuple[bytes, str]:
    forms = [_as_json] * 5 + [_as_form, _as_json_in_form, _as_multipart]
    return draw(st.sampled_from(forms))(draw, value)


@st.composite
def requests(draw: Draw) -> Sent:
    """Return a valid request after up to eight mutations."""
    made_by: list[str] = []
    if draw(_rarely):
        body, content_type = draw(st.sampled_from(FORMS)), FORM
    else:
        seed = draw(st.sampled_from(BUILT) | st.sampled_from(RECORDED))
        root = [marked(seed, draw(st.integers(0, 10**9)))]
        for mutate in draw(st.lists(st.sampled_from(OF_CONTENT), min_size=1, max_size=4)):
            mutate(draw, root)
            made_by.append(mutate.__name__)
        body, content_type = _in_some_form(draw, root[0])
    # Usually none: if bytes cannot be decoded, the other mutations have no effect.
    for _ in range(draw(st.sampled_from([0, 0, 0, 0, 1, 2]))):
        mutate_bytes = draw(st.sampled_from(OF_BYTES))
        body = mutate_bytes(draw, body)
        made_by.append(mutate_bytes.__name__)
    assume(len(body) <= MAX_BODY)
    if draw(_rarely):
        content_type = draw(st.sampled_from(_LABELS))
        made_by.append("label")
    headers = {}
    if draw(_rarely):
        headers["Content-Encoding"] = draw(st.sampled_from(_ENCODINGS))
        made_by.append("content_encoding")
    is_readable = not content_type.endswith(_NO_CHARSETS)
    query = draw(st.sampled_from(_QUERIES)) if is_readable else ""
    return Sent(body, content_type, headers, query, tuple(made_by))


#: The names of all mutations.
MADE_BY = {function.__name__ for function in (*OF_CONTENT, *OF_BYTES)} | {
    "label",
    "content_encoding",
}
