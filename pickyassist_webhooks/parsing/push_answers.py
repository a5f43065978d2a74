"""Read the answers of the Push API.

From the vendor's page "Push API": status 100 means accepted, and not delivered.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ..exceptions import PushRefused, UnreadablePayload
from .characters import storable
from .decoding import decode_text, text_of
from .values import FieldReader, InvalidPayload, Problem

#: The status of a success.
_SUCCESS = 100

#: Maximum characters of the vendor's message in an error.
_MAX_MESSAGE = 200


@dataclass(frozen=True)
class Accepted:
    """A push that was accepted, with columns of its messages. A row without an id is ``None``."""

    project_id: str
    push_id: str
    messages: list[dict[str, str] | None]


def read_push_answer(body: bytes, project_id: str) -> Accepted:
    """Return the accepted push. Raises ``PushRefused`` if the answer is no success."""
    warnings: list[Problem] = []
    try:
        envelope = FieldReader(json_object(body), "", warnings)
        if refusal := refusal_of(envelope.source):
            raise PushRefused(*refusal)
        push_id = envelope.identifier("push_id")
        project = FieldReader({"project_id": project_id}, "", warnings).identifier("project_id")
    except UnreadablePayload as err:
        raise PushRefused(err.code, f"expected {err.expected}") from None
    except InvalidPayload as err:
        raise PushRefused(err.problem.code, str(err)) from None
    if push_id in ("", "0"):
        raise PushRefused("missing", "the answer has no push_id")
    rows = rows_of(envelope.source.get("data"), lambda row: "msg_id" in row)
    messages = [_message(row, warnings) for row in rows]
    return Accepted(project, push_id, messages)


def json_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object in an answer. Raises ``UnreadablePayload``."""
    value = decode_text(text_of(body))
    if not isinstance(value, dict):
        raise UnreadablePayload("not_an_object", "a JSON object")
    return value


def refusal_of(answer: dict[str, Any]) -> tuple[str, str] | None:
    """Return code and message of an error: a ``status`` that is there and not 100."""
    status = answer.get("status")
    if status in (None, ""):
        return None  # a documented success of the delivery report API has none
    with suppress(InvalidPayload):
        if FieldReader(answer, "", []).integer("status") == _SUCCESS:
            return None
    texts = (answer.get(name) for name in ("error_message", "message"))
    message = next((text for text in texts if isinstance(text, str) and text), "no message")
    return storable(str(status))[:40], storable(message)[:_MAX_MESSAGE]


def rows_of(data: Any, is_row: Callable[[dict[str, Any]], bool]) -> list[Any]:
    """Return the rows under ``data``, which is a list, one object or an object of rows."""
    if not isinstance(data, dict):
        return data if isinstance(data, list) else []
    # PHP writes a list with gaps as an object with numbers as keys.
    rows = list(data.values())
    is_one = is_row(data) or not any(isinstance(row, dict) for row in rows)
    return [data] if data and is_one else rows


def _message(row: Any, warnings: list[Problem]) -> dict[str, str] | None:
    try:
        reader = FieldReader(row, "data", warnings)
        msg_id = reader.identifier("msg_id")
    except InvalidPayload:
        return None
    if msg_id in ("", "0"):
        return None
    return {
        "msg_id": msg_id,
        "number": reader.word("number"),
        "reference_number": reader.word("reference_number"),
    }
