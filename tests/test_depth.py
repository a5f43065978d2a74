"""The same bytes always mean the same, however much of Python's stack is in use."""

from __future__ import annotations

import pytest

from pickyassist_webhooks.decoding import MAX_DEPTH
from pickyassist_webhooks.payloads import parse

FORM = "application/x-www-form-urlencoded"


def parsed_below(frames, body, content_type):
    """Parse further down the stack, as a view does below its middlewares and a worker does not."""
    if frames:
        return parsed_below(frames - 1, body, content_type)
    return [problem.code for problem in parse(body, content_type).problems]


@pytest.mark.parametrize(
    ("body", "content_type", "code"),
    [
        (b'{"a":' * MAX_DEPTH, "", "not_json"),
        (b'{"a":' * (MAX_DEPTH + 1), "", "too_deep"),
        (b'{"a":' * 1000, "", "too_deep"),
        (b'{"a":' * 1000 + b"1" + b"}" * 1000, "", "too_deep"),
        (b'{"b":{},"c":"{{{[[["}' * 100 + b"]", "", "not_json"),
        (b'{"a":"\\"' + b"{" * 100 + b'\\\\"', "", "not_json"),
        (b"[" * 1000 + b"]" * 1000, "", "too_deep"),
        (b'{"a":["' + b"[" * 100, "", "not_json"),
        (b'json={"a":' + b'{"a":' * 1000, FORM, "too_deep"),
        (b'json={"a":' + b'{"a":' * 1000 + b"1" + b"}" * 1001, FORM, "too_deep"),
        (b'json={"a":', FORM, "missing"),
    ],
)
def test_depth_is_told_alike(body, content_type, code):
    for frames in (0, 200, 500, 700):
        assert parsed_below(frames, body, content_type) == [code]
