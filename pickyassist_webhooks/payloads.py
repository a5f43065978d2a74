"""Bytes to events and problems. Pure: frozen dataclasses out, no settings, no database."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from .decoding import decode, harmless
from .exceptions import UnreadablePayload
from .fields import MAX_PROBLEMS, Fields, NotUnderstood, Problem
from .shapes import ENVELOPE, FOREIGN, SHAPES, Shape

#: Codes of problems under which a body holds no object at all.
UNREADABLE = frozenset({"not_json", "not_an_object", "too_deep", "too_many_values"})

_EVENT_IDS = "1, 2, 3, 4 or 5"

#: Characters of JSON that fields beside ``data`` may add to each row of a batch.
_MAX_SHARED_EXTRA = 1000

#: Characters of one text in ``extra``: escaped for JSON and then for SQL it may be seven times as
#: long, and MariaDB refuses a statement of more than ``max_allowed_packet``.
_MAX_EXTRA = 100_000

#: Fields of a row above which those that are unknown are left in the body.
_MAX_NAMES = 1000


@dataclass(frozen=True)
class Event:
    """One row: its place in the batch, the fields of its model, and what the vendor added."""

    index: int
    fields: dict[str, Any]
    extra: dict[str, Any]


@dataclass(frozen=True)
class Payload:
    """What a body says. Without events and with problems nothing of it was understood.

    Up to ``MAX_PROBLEMS`` problems and warnings are listed; ``unlisted`` counts further problems.
    """

    kind: str = ""
    project_id: str = ""
    events: list[Event] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    unlisted: int = 0


def parse(body: bytes, content_type: str = "") -> Payload:
    """Return the events, problems and warnings in ``body``. Never raises for what is in it."""
    try:
        envelope = decode(body, content_type)
    except UnreadablePayload as err:
        return Payload(problems=[Problem("", err.code, err.expected)])
    warnings: list[Problem] = []
    try:
        project_id = Fields(envelope, "", warnings).identifier("project_id")
        shape = _shape_of(envelope)
        rows = _rows_of(shape, envelope)
    except NotUnderstood as err:
        return Payload(problems=[err.problem])
    events: list[Event] = []
    problems: list[Problem] = []
    unlisted = 0
    shared = _shared_extra(envelope, rows, warnings)
    for index, (path, row) in enumerate(rows):
        try:
            events.append(_event(shape, index, path, row, shared, warnings))
        except NotUnderstood as err:
            if len(problems) < MAX_PROBLEMS:
                problems.append(err.problem)
            else:
                unlisted += 1
    return Payload(shape.kind, project_id, events, problems, warnings, unlisted)


def _shape_of(envelope: dict[str, Any]) -> Shape:
    """Recognise the kind by ``event_id`` and shape: other webhooks use the same numbers."""
    try:
        event_id = Fields(envelope, "", []).integer("event_id")
    except NotUnderstood as err:
        raise _foreign(envelope, Problem("event_id", err.problem.code, _EVENT_IDS)) from None
    for shape in SHAPES:
        if event_id not in shape.event_ids:
            continue
        if shape.fits(envelope) or any(shape.fits(row) for row in _data(shape, envelope)):
            return shape
        if shape.is_batch and "data" in envelope and not _foreign_name(envelope):
            return shape
        expected = f"the fields of a {shape.kind.value}"
        raise _foreign(envelope, Problem("", "other_shape", expected))
    raise _foreign(envelope, Problem("event_id", "unknown_event", _EVENT_IDS))


def _foreign_name(envelope: dict[str, Any]) -> Problem | None:
    return next(
        (
            Problem("", code, expected)
            for keys, code, expected in FOREIGN
            if not keys.isdisjoint(envelope)
        ),
        None,
    )


def _foreign(envelope: dict[str, Any], otherwise: Problem) -> NotUnderstood:
    problem = _foreign_name(envelope) or otherwise
    return NotUnderstood(problem.path, problem.code, problem.expected)


def _data(shape: Shape, envelope: dict[str, Any]) -> list[Any]:
    """Return what lies under ``data``, which comes as a list, one object or an object of rows."""
    data = envelope.get("data")
    if isinstance(data, str) and data.lstrip()[:1] in ("[", "{"):
        try:  # a form field that holds JSON
            data = decode(b'{"data":' + data.encode("utf-8", "surrogatepass") + b"}")["data"]
        except UnreadablePayload:
            return []
    if isinstance(data, list):
        return data
    if not isinstance(data, dict):
        return []
    # PHP writes a list with a gap as an object with numbers for keys.
    rows = list(data.values())
    is_row = shape.fits(data) or not any(isinstance(row, dict) for row in rows)
    return [data] if data and is_row else rows


def _rows_of(shape: Shape, envelope: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return path and object of each row; a flat event is its own only row."""
    if shape.is_batch or not shape.fits(envelope):
        rows = _data(shape, envelope)
        if rows or envelope.get("data") in ([], {}):
            return [(f"data[{index}]", row) for index, row in enumerate(rows)]
        if not shape.fits(envelope):
            raise NotUnderstood("data", "wrong_type", "a list of rows, or the fields of one row")
    return [("", envelope)]


def _shared_extra(
    envelope: dict[str, Any], rows: list[tuple[str, Any]], warnings: list[Problem]
) -> dict[str, Any]:
    """Return unknown fields beside ``data``, which belong to each row of a batch."""
    if rows and rows[0][1] is envelope:
        return {}
    shared = {name: value for name, value in envelope.items() if name not in ENVELOPE | {"data"}}
    if len(json.dumps(shared)) <= _MAX_SHARED_EXTRA:
        return shared
    warnings.append(Problem("", "left_in_body", "less beside data than in it"))
    return {}


def _event(
    shape: Shape,
    index: int,
    path: str,
    row: Any,
    shared: dict[str, Any],
    warnings: list[Problem],
) -> Event:
    if not isinstance(row, dict):
        raise NotUnderstood(path, "wrong_type", "an object")
    fields = Fields(row, path, warnings)
    values = shape.read(fields)
    extra = {}
    if len(row) <= _MAX_NAMES:
        extra = {name: value for name, value in row.items() if name not in shape.fields}
    else:
        fields.warn(path, "left_in_body", f"at most {_MAX_NAMES} fields in one row")
    if not path:
        extra = {name: value for name, value in extra.items() if name not in ENVELOPE}
    extra |= fields.mended
    for name in [name for name, value in extra.items() if _is_long(value)]:
        del extra[name]
        fields.warn(path, "left_in_body", f"at most {_MAX_EXTRA} characters beside the columns")
    if shared or extra:
        extra = harmless(shared | extra)
    return Event(index, values, extra)


def _is_long(value: Any) -> bool:
    return isinstance(value, str) and len(value) > _MAX_EXTRA
