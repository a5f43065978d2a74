"""Parse bytes into events and problems."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from ..exceptions import UnreadablePayload
from . import chat
from .decoding import decode, decode_text, harmless
from .event_types import (
    CHAT_MESSAGE,
    DELIVERY_REPORTS,
    ENVELOPE,
    EVENT_TYPES,
    FOREIGN,
    TEAMBOX,
    EventType,
    Webhook,
)
from .push_answers import json_object, rows_of
from .values import MAX_JSON, MAX_PROBLEMS, FieldReader, InvalidPayload, Problem

#: Codes of problems if a body contains no object at all.
UNREADABLE = frozenset({"not_json", "not_an_object", "too_deep", "too_many_values"})

#: Batches without rows; in a form, a text.
_NO_ROWS: tuple[Any, ...] = ([], {}, "[]", "{}")
_BY_ID = {event_id: each for each in EVENT_TYPES for event_id in each.event_ids}
_EVENT_IDS = "1, 2, 3, 4 or 5"
_NEXT_TO_DATA = ENVELOPE | {"data"}
#: The same for an answer of the delivery report API: two of its fields belong to every row.
_NEXT_TO_PULLED = _NEXT_TO_DATA | {"push_id", "application"}
#: Maximum rows of one batch: 1.5 times the planned size. They take up to a second to store.
MAX_ROWS = 15_000
#: Maximum characters of JSON that fields next to ``data`` may add to each row of a batch.
_MAX_SHARED_EXTRA = 1000
#: The same for all rows together.
_MAX_SHARED_EXTRAS = 3_000_000
#: If a row has more fields, the unknown ones are left in the body.
_MAX_NAMES = 1000


@dataclass(frozen=True)
class Event:
    """One row: its position in the batch, the fields of its model, and unknown fields."""

    index: int
    fields: dict[str, Any]
    extra: dict[str, Any]


@dataclass(frozen=True)
class Payload:
    """The content of a body. If it has problems and no events, all of it is invalid.

    It lists up to ``MAX_PROBLEMS`` problems and warnings; ``unlisted`` counts further problems.
    """

    kind: str = ""
    project_id: str = ""
    events: list[Event] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    unlisted: int = 0


def parse(body: bytes, content_type: str = "") -> Payload:
    """Return the events, problems and warnings of ``body``. No content makes it raise."""
    return _with_stack(_parse, body, content_type)


def parse_pulled(body: bytes, project_id: str) -> Payload:
    """Return the delivery reports in an answer of the delivery report API, as ``parse`` does.

    ``project_id`` is that of the push; if it is blank, that of the answer counts. There is no
    ``event_id``. ``message_type`` and ``time`` go into ``extra``: the codes are others than those
    of event 1, and the time has no offset.
    """
    return _with_stack(_parse_pulled, body, project_id)


def _with_stack(read: Callable[[bytes, str], Payload], body: bytes, argument: str) -> Payload:
    try:
        try:
            return read(body, argument)
        except RecursionError:
            # The caller's stack is nearly full; a thread has a stack of its own.
            with ThreadPoolExecutor(1) as thread:
                return thread.submit(read, body, argument).result()
    except UnreadablePayload as err:
        return Payload(problems=[Problem("", err.code, err.expected)])
    except InvalidPayload as err:
        return Payload(problems=[err.problem])


def _parse_pulled(body: bytes, project_id: str) -> Payload:
    envelope = FieldReader(json_object(body), "", [])
    project_id = project_id or envelope.identifier("project_id")
    shared = {
        "push_id": envelope.identifier("push_id"),
        "channel_id": envelope.word("application"),
    }
    if "data" not in envelope.source:
        raise envelope.missing("data", "a list of rows")
    rows = _data(DELIVERY_REPORTS, envelope.source)
    if not rows and envelope.source["data"] not in (*_NO_ROWS, None, ""):
        raise InvalidPayload("data", "wrong_type", "a list of rows")
    completed = [_completed(row, shared) if isinstance(row, dict) else row for row in rows]
    return _read(DELIVERY_REPORTS, project_id, envelope, completed, _NEXT_TO_PULLED)


def _completed(row: dict[str, Any], shared: dict[str, str]) -> dict[str, Any]:
    """Return a row with the fields of its answer instead of missing and blank ones."""
    return row | {name: value for name, value in shared.items() if row.get(name) in (None, "")}


def _parse(body: bytes, content_type: str) -> Payload:
    source = decode(body, content_type)
    message = chat.message_of(source)
    envelope = FieldReader(source if message is None else message, "", [])
    if message is None:
        project_id = envelope.identifier("project_id")
        event_type = _event_type_of(envelope)
        rows = _rows_in(event_type, envelope.source)
    else:
        project_id = envelope.identifier("project-id")
        event_type, rows = CHAT_MESSAGE, [message]
    payload = _read(event_type, project_id, envelope, rows, _NEXT_TO_DATA)
    if not payload.events:
        _refuse_foreign(envelope.source, (TEAMBOX,))
    return payload


def _read(
    event_type: EventType,
    project_id: str,
    envelope: FieldReader,
    rows: list[Any],
    next_to_data: Set[str],
) -> Payload:
    """Return the events of these rows. Fields not in ``next_to_data`` go into each ``extra``."""
    events: list[Event] = []
    problems: list[Problem] = []
    is_flat = bool(rows) and rows[0] is envelope.source
    shared = {} if is_flat else _shared_extra(envelope, len(rows), next_to_data)
    known_names = event_type.fields.keys() | (event_type.envelope if is_flat else ())
    for index, row in enumerate(rows):
        try:
            reader = envelope if is_flat else FieldReader(row, f"data[{index}]", envelope.warnings)
            fields = event_type.read(reader)
            events.append(Event(index, fields, _extra(reader, known_names, shared)))
        except InvalidPayload as err:
            problems.append(err.problem)
    unlisted = max(len(problems) - MAX_PROBLEMS, 0)
    listed = problems[:MAX_PROBLEMS]
    return Payload(event_type.kind, project_id, events, listed, envelope.warnings, unlisted)


def _event_type_of(envelope: FieldReader) -> EventType:
    """Return the event type of an ``event_id``. Raises ``InvalidPayload``."""
    try:
        return _BY_ID[envelope.integer("event_id")]
    except KeyError:
        problem = InvalidPayload("event_id", "unknown_event", _EVENT_IDS)
    except InvalidPayload as err:
        problem = InvalidPayload("event_id", err.problem.code, _EVENT_IDS)
    _refuse_foreign(envelope.source)
    raise problem


def _refuse_foreign(envelope: dict[str, Any], webhooks: Iterable[Webhook] = FOREIGN) -> None:
    """Raise ``InvalidPayload`` if this is the payload of another webhook."""
    for names, code, expected in webhooks:
        if not names.isdisjoint(envelope):
            raise InvalidPayload("", code, expected)


def _rows_in(event_type: EventType, envelope: dict[str, Any]) -> list[Any]:
    """Return the rows; a flat event is its own single row.

    Raises ``InvalidPayload`` if the fields are those of other webhooks, which use the same ids.
    """
    is_flat = event_type.fits(envelope)
    rows = [] if is_flat and not event_type.is_batch else _data(event_type, envelope)
    if not (is_flat or any(map(event_type.fits, rows))):
        _refuse_foreign(envelope)
        if not event_type.is_batch or "data" not in envelope:
            raise InvalidPayload("", "other_shape", f"the fields of a {event_type.kind.value}")
    if rows:
        return rows
    if is_flat:
        return [envelope]
    if event_type.is_batch and envelope.get("data") in _NO_ROWS:
        return []
    raise InvalidPayload("data", "wrong_type", "a list of rows, or the fields of one row")


def _data(event_type: EventType, envelope: dict[str, Any]) -> list[Any]:
    """Return the rows under ``data``, which a form has as JSON."""
    data = envelope.get("data")
    if isinstance(data, str) and data.lstrip()[:1] in ("[", "{"):
        with suppress(UnreadablePayload):
            data = decode_text(data)
    rows = rows_of(data, event_type.fits)
    if len(rows) > MAX_ROWS:
        raise InvalidPayload("data", "too_many_rows", f"at most {MAX_ROWS} rows")
    return rows


def _shared_extra(envelope: FieldReader, row_count: int, known_names: Set[str]) -> dict[str, Any]:
    """Return the unknown fields next to ``data``; they belong to each row of a batch."""
    shared = {name: value for name, value in envelope.source.items() if name not in known_names}
    length = len(json.dumps(shared)) if shared else 0
    if length <= _MAX_SHARED_EXTRA and length * row_count <= _MAX_SHARED_EXTRAS:
        return dict(harmless(shared))
    envelope.warn("", "left_in_body", "fewer or shorter fields next to data")
    return {}


def _extra(reader: FieldReader, known_names: Set[str], shared: dict[str, Any]) -> dict[str, Any]:
    """Return the values of a row that no column holds, and those of all rows."""
    row, extra = reader.source, {}
    if len(row) > _MAX_NAMES:
        reader.warn("", "left_in_body", f"at most {_MAX_NAMES} fields in one row")
    elif not row.keys() <= known_names:
        extra = {name: value for name, value in row.items() if name not in known_names}
    extra |= reader.replaced
    for name, value in [*extra.items()]:
        # Other values are numbers of at most 300 digits.
        text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value
        if isinstance(text, str) and len(text) > MAX_JSON:
            del extra[name]
            reader.warn("", "left_in_body", f"at most {MAX_JSON} characters outside the columns")
    return shared | harmless(extra) if shared or extra else extra
