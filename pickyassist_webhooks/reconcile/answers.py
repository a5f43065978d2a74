"""Tell whether an answer of the delivery report API has reports about a push."""

from __future__ import annotations

import json
from typing import Any

from ..exceptions import ReportsNotFetched, UnreadablePayload
from ..parsing.push_answers import json_object, refusal_of
from ..parsing.values import FieldReader, InvalidPayload

#: Codes after which the next push of the project would fail too: authentication, a plan without
#: this API, an inactive project.
STOPPING = ("401", "405", "408")


def _as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def require_reports(body: bytes, push_id: str, token: str) -> None:
    """Raise ``ReportsNotFetched`` unless this is a success about this push.

    Without a success nothing is known about any message: none is taken for failed.
    """
    try:
        answer = json_object(body)
    except UnreadablePayload as err:
        raise ReportsNotFetched(err.code, f"the answer is not {err.expected}") from None
    if _as_json(token)[1:-1] in _as_json(answer) or token.encode() in body:
        raise ReportsNotFetched("token", "the answer repeats the token, so it is not stored")
    if refusal := refusal_of(answer):
        code, message = refusal
        # The log has the code: a text can contain anything.
        logged = code if code.isascii() and code.isdecimal() and len(code) < 7 else "refused"
        raise ReportsNotFetched(
            logged, f"Picky Assist answered {code}: {message}", stops_project=code in STOPPING
        )
    try:
        answered = FieldReader(answer, "", []).identifier("push_id")
    except InvalidPayload:
        answered = "?"
    if answered not in ("", push_id):
        raise ReportsNotFetched("push_id", "the answer is about another push")
    if "data" not in answer:
        raise ReportsNotFetched("no data", "the answer has no data, and says nothing about it")
