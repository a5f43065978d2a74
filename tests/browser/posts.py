"""Requests of a stranger: each text in each field of each kind of event, and around them."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from tests.browser.texts import GROUPS, TEXTS, identifier
from tests.cases import CASES
from tests.requests import PROJECT, SECRET, chat, member, row, subscriber, url

#: Events in one request: few, so that a page shows the whole of most bodies.
BATCH = 4

#: Some texts of each group, for pages that show all texts alike.
SOME = tuple(text for group in GROUPS for text in group[::8])

_NOT_IN_A_HEADER = re.compile(r"[^\x20-\x7e\xa0-\xff]")


@dataclass(frozen=True)
class Post:
    """One request, with the expected status and count of events."""

    body: bytes
    status: str = "2xx"
    accepted: int | None = None
    method: str = "POST"
    path: str = field(default_factory=url)
    headers: dict[str, str] = field(default_factory=dict)


def hostile() -> Iterator[Post]:
    """Yield requests with each text in each field."""
    kinds = ((1, _report, ""), (2, _report, "filtered "), (3, _member, ""), (4, _subscriber, ""))
    for kind, (event_id, event, prefix) in enumerate(kinds):
        for start in range(0, len(TEXTS), BATCH):
            batch = TEXTS[start : start + BATCH]
            # Another one for each kind, so that each text is also once outside of the rows.
            outer = TEXTS[(start + kind) % len(TEXTS)]
            yield _post(
                {
                    "project_id": identifier(outer),
                    "event_id": event_id,
                    "data": [event(text, prefix) for text in batch],
                    identifier(outer): outer,
                },
                outer,
                accepted=len(batch),
            )
    for number, text in enumerate(TEXTS):
        # Every second one in a group of its own.
        group = identifier(text) if number % 2 else ""
        yield _post(_chat(text) | {"group-id": group}, text, accepted=1)
    yield from _invalid()


def _report(text: str, prefix: str) -> dict[str, Any]:
    # Another id for each kind, so that one text in two kinds makes two rows.
    names = ("reference_number", "error_code", "error_message", "message", "message_type", "media")
    names += ("channel_id", "agent_id", "template_id", "source", "push_id", "number")
    return row(identifier(prefix + text), 2, **_all(names, text), **_added(text))


def _member(text: str, prefix: str) -> dict[str, Any]:
    names = ("group_id", "number")
    return member(
        **{name: identifier(text) for name in names},
        **_all(("group_subject", "application"), text),
        **_added(text),
    )


def _subscriber(text: str, prefix: str) -> dict[str, Any]:
    names = ("mobile", "name", "email", "profile_pic", "channel", "message", "date")
    return subscriber(subscriber_id=identifier(text), **_all(names, text), **_added(text))


def _chat(text: str) -> dict[str, Any]:
    names = ("number", "name", "messenger_id", "message_in_raw", "type", "media_url")
    names += ("application", "context_msg_id", "payload")
    return chat(
        identifier(text),
        **_all(names, text),
        interactive={"id": text, "description": text, text: text},
        location={"url": text, text: text},
        contact=[{text: text}],
        group_mentions=[text],
        **_added(text),
    )


def _all(names: tuple[str, ...], text: str) -> dict[str, str]:
    return dict.fromkeys(names, text)


def _added(text: str) -> dict[str, Any]:
    """Return fields that the vendor may add later: keys and values of any depth."""
    return {text: text, "added": {text: [text, {text: text}]}}


def _invalid() -> Iterator[Post]:
    """Yield requests with a problem, with replaced values, or without JSON."""
    yield _post({"project_id": PROJECT, "event_id": 99, **dict(zip(TEXTS, TEXTS, strict=True))})
    refused = [row(f"refused {number}", text) for number, text in enumerate(TEXTS)]
    yield _post({"project_id": PROJECT, "event_id": 1, "data": refused}, accepted=0)
    replaced = [subscriber(subscriber_id=f"replaced {n}", name={t: t}) for n, t in enumerate(SOME)]
    yield _post({"project_id": PROJECT, "event_id": 4, "data": replaced}, accepted=len(SOME))
    for start in range(0, len(TEXTS), BATCH):
        raw = "\n".join(TEXTS[start : start + BATCH]).encode("utf-8", "surrogatepass")
        yield _post(raw + b"\xff\xfe\xe2\x80", TEXTS[start], status="4xx")
    for text in SOME:
        cut = json.dumps(subscriber(name=text)).encode()[:-2]
        yield _post(cut, text, status="4xx")
        fields = {"project_id": PROJECT, "event_id": "4", "subscriber_id": text, text: text}
        form = urlencode(fields, errors="surrogatepass").encode()
        yield _post(form)
        encoded = _post(subscriber(name=text), text, status="4xx")
        encoded.headers["Content-Encoding"] = _header(text)
        yield encoded


def _post(body: Any, around: str = "", **expected: Any) -> Post:
    """Return a request with a text in its query and in its content type."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    # A stranger need not escape as browsers do: only line ends must be escaped.
    query = re.sub(r"[^\x21-\x7e]", lambda match: quote(match[0], errors="replace"), around)
    headers = {"Content-Type": f"application/json; {_header(around)}"}
    return Post(data, path=f"{url()}?{query}", headers=headers, **expected)


def _header(text: str) -> str:
    return _NOT_IN_A_HEADER.sub("?", text)[:500]


def cases() -> Iterator[Post]:
    """Yield the recorded requests of the other tests, as far as HTTP can carry them."""
    for case in CASES:
        auth = case.get("auth", {})
        secret = auth.get("value", SECRET)
        if auth.get("op"):
            secret = SECRET[:-1] if auth["op"] == "drop_last_char" else SECRET.swapcase()
        path = url(secret) if secret else url("x").replace("/x/", "/")
        yield Post(
            base64.b64decode(case["body_b64"]),
            status=case["expect"]["status_class"],
            method=case.get("method", "POST"),
            path=f"{path}?{case['query']}" if case.get("query") else path,
            headers={"Content-Type": case["content_type"] or "", **(case.get("headers") or {})},
        )
