"""Recorded requests with what is expected of them, and how one is sent."""

from __future__ import annotations

import json
from pathlib import Path

from django.test import Client

from tests.requests import SECRET, url

PAYLOADS = Path(__file__).parent / "payloads"


def lines_of(name):
    return [json.loads(line) for line in (PAYLOADS / name).read_text("utf-8").splitlines()]


_GLOBAL = lines_of("open-global.jsonl")
CASES = lines_of("open-cases.jsonl") + [case for case in _GLOBAL if "steps" not in case]
#: Sequences of the Global Webhook.
CONVERSATIONS = [case for case in _GLOBAL if "steps" in case]
SEQUENCES = lines_of("open-sequences.jsonl")
#: Keys of an answer that Picky Assist would obey.
FORBIDDEN_KEYS = {"message-out", "delay", "type", "number", "application"}


def send(case, body):
    auth = case.get("auth", {})
    secret = SECRET
    if auth.get("mode") == "wrong":
        secret = auth["value"]
    elif auth.get("op") == "drop_last_char":
        secret = SECRET[:-1]
    elif auth.get("op") == "swapcase":
        secret = SECRET.swapcase()
    path = url(secret) if secret else url("x").replace("/x/", "/")
    if case.get("query"):
        path += "?" + case["query"]
    return Client().generic(
        case.get("method", "POST"),
        path,
        body,
        case["content_type"],
        headers=case.get("headers"),
    )


def outcome(request):
    return (
        request.state,
        request.event_count,
        request.repeat_count,
        request.problem_count,
        request.problems,
    )
