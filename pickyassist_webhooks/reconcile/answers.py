"""Tell whether an answer of the delivery report API has reports about a push."""

from __future__ import annotations

import json
import re
from typing import Any

from ..exceptions import ReportsNotFetched, UnreadablePayload
from ..parsing.push_answers import json_object, refusal_of
from ..parsing.values import FieldReader, InvalidPayload

#: Codes after which the next push of the project would fail too: authentication, a plan without
#: this API, an inactive project.
STOPPING = ("401", "405", "408")


#: A shorter token can be a part of a number or a word by chance.
_LONG = 16


def _as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _without(token: str, value: Any) -> Any:
    """Return a JSON value without the token in its texts: those of an error are stored."""
    if isinstance(value, str):
        return value.replace(token, "***")
    if isinstance(value, list):
        return [_without(token, item) for item in value]
    if isinstance(value, dict):
        return {_without(token, name): _without(token, item) for name, item in value.items()}
    return value


def _is_in(text: str, token: str) -> bool:
    """Tell whether a text has the token, and a short one not only as a part of a word."""
    if len(token) >= _LONG or token not in text:
        return token in text
    return re.search(rf"(?<![0-9A-Za-z]){re.escape(token)}(?![0-9A-Za-z])", text) is not None


def require_reports(body: bytes, push_id: str, token: str) -> None:
    """Raise ``ReportsNotFetched`` unless this is a success about this push.

    Without a success nothing is known about any message: none is taken for failed.
    """
    try:
        answer = json_object(body)
    except UnreadablePayload as err:
        raise ReportsNotFetched(err.code, f"the answer is not {err.expected}") from None
    if refusal := refusal_of(_without(token, answer)):
        code, message = refusal
        # The log has the code: a text can contain anything.
        logged = code if code.isascii() and code.isdecimal() and len(code) < 7 else "refused"
        raise ReportsNotFetched(
            logged, f"Picky Assist answered {code}: {message}", stops_project=code in STOPPING
        )
    if _is_in(_as_json(answer), _as_json(token)[1:-1]) or _is_in(body.decode("latin-1"), token):
        raise ReportsNotFetched("token", "the answer repeats the token, so it is not stored")
    try:
        answered = FieldReader(answer, "", []).identifier("push_id")
    except InvalidPayload:
        answered = "?"
    if answered not in ("", push_id):
        raise ReportsNotFetched("push_id", "the answer is about another push")
    if "data" not in answer:
        raise ReportsNotFetched("no data", "the answer has no data, and says nothing about it")
