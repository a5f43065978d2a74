"""The incoming webhooks as JSON Schemas, from the same definitions that parse them."""

from __future__ import annotations

from typing import Any

from ..choices import CHANNELS, EventKind, RequestState
from ..fields import MAX_LENGTH, Fields
from ..models import MODELS
from ..shapes import SHAPES, Reader, Shape
from .examples import ANSWERS, WEBHOOKS

Schema = dict[str, Any]

_ID: Schema = {"type": ["string", "integer", "null"], "maxLength": MAX_LENGTH}
_TEXT: Schema = {"type": ["string", "number", "null"]}

#: What each reader takes as it is; other texts are mended with a warning, other ids refused.
TYPES: dict[Reader, Schema] = {
    Fields.identifier: _ID,
    Fields.integer: {
        "type": ["integer", "string"],
        "minimum": -(2**63),
        "maximum": 2**63 - 1,
        "pattern": r"^\s*[+-]?[0-9]{1,18}\s*$",
    },
    Fields.text: _TEXT,
    Fields.short: _TEXT | {"maxLength": MAX_LENGTH},
    Fields.word: _TEXT | {"maxLength": MAX_LENGTH},
}

#: The fields by which an event of each kind is known: all of one of these lists are needed.
KNOWN_BY: dict[EventKind, tuple[tuple[str, ...], ...]] = {
    EventKind.DELIVERY_REPORT: (("msg_id",), ("push_id", "number")),
    EventKind.FILTER_REPORT: (("msg_id",), ("push_id", "number")),
    EventKind.GROUP_MEMBER: (("group_id", "number"),),
    EventKind.NEW_SUBSCRIBER: (("subscriber_id",), ("mobile",)),
}

#: What a request can be once it is answered: only a person discards it.
_STATES = [state.value for state in RequestState if state != RequestState.DISCARDED]


def _count(description: str) -> Schema:
    return {"type": "integer", "minimum": 0, "description": description}


_COMPONENTS: dict[str, Schema] = {
    "WebhookAnswer": {
        "type": "object",
        "description": "What became of a request whose bytes are kept.",
        "required": ["ok", "id", "state"],
        "properties": {
            "ok": {"type": "boolean", "description": "False where nothing was understood."},
            "id": {"type": "string", "format": "uuid", "description": "The request's `token`."},
            "state": {
                "type": "string",
                "enum": [*_STATES, "spooled"],
            },
            "accepted": _count("Rows that are new."),
            "repeats": _count("Rows that had come before."),
            "problems": _count("Rows that were not understood."),
            "errors": {
                "type": "array",
                "maxItems": 20,
                "items": {
                    "type": "object",
                    "required": ["path", "code"],
                    "properties": {"path": {"type": "string"}, "code": {"type": "string"}},
                },
            },
        },
    },
    "WebhookRefusal": {
        "type": "object",
        "description": "Why nothing was kept.",
        "required": ["ok", "error", "expected"],
        "properties": {
            "ok": {"const": False},
            "error": {"type": "string"},
            "expected": {"type": "string"},
        },
    },
}


def components() -> dict[str, Schema]:
    """Return the schemas of the four webhooks, of their rows, and of our answers."""
    found = dict(_COMPONENTS)
    for shape in SHAPES:
        found[f"{_name(shape)}WebhookRow"] = _row(shape)
        found[f"{_name(shape)}Webhook"] = _body(shape)
    return found


def webhooks() -> dict[str, Schema]:
    """Return the path items of the four webhooks, by kind."""
    return {shape.kind.value: {"post": _operation(shape)} for shape in SHAPES}


def _name(shape: Shape) -> str:
    return shape.kind.value.title().replace("_", "")


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _row(shape: Shape) -> Schema:
    fields = MODELS[shape.kind]._meta
    properties = {
        theirs: TYPES[read] | {"description": _description(fields.get_field(ours))}
        for theirs, (ours, read) in shape.fields.items()
    }
    whole = [name for name, (_, read) in shape.fields.items() if read is Fields.integer]
    return {
        "type": "object",
        "description": f"One {shape.kind.value.replace('_', ' ')}. Fields beyond these are kept.",
        "properties": properties,
        "required": whole,
        "anyOf": [
            {"required": list(names), "properties": {name: _known(name) for name in names}}
            for names in KNOWN_BY[shape.kind]
        ],
        "additionalProperties": True,
    }


def _known(name: str) -> Schema:
    filled: Schema = {"type": ["string", "integer"], "maxLength": MAX_LENGTH, "pattern": r"\S"}
    return filled | {"not": {"enum": ["0", 0]}} if name == "msg_id" else filled


def _description(field: Any) -> str:
    """Return what our model calls a field, and hints on its codes: others are kept as they come."""
    name = str(field.verbose_name)
    said = f"{name[:1].upper()}{name[1:]}; our `{field.name}`"
    hints = dict(field.flatchoices) or (CHANNELS if field.name == "channel" else {})
    if not hints:
        return f"{said}."
    known = ", ".join(f"{code} {label}" for code, label in hints.items())
    return f"{said}. Known are: {known}. Others are kept as they come."


def _body(shape: Shape) -> Schema:
    row = _ref(f"{_name(shape)}WebhookRow")
    nested: Schema = {
        "required": ["data"],
        "properties": {
            "data": {
                "description": "A list of rows, one row, or an object of rows (as PHP writes a "
                "list with a gap); also as JSON in a text, in a form.",
                "anyOf": [
                    {"type": "array", "items": row},
                    row,
                    {"type": "object", "additionalProperties": row},
                    {
                        "type": "string",
                        "contentMediaType": "application/json",
                        "pattern": r"^\s*[\[{]",
                    },
                ],
            }
        },
    }
    ids = sorted(shape.event_ids)
    return {
        "type": "object",
        "properties": {
            "project_id": _ID | {"description": "Whose event it is; our `project_id`."},
            "event_id": {
                "description": f"Tells the kind: {' or '.join(map(str, ids))}, or as a text.",
                "enum": [*ids, *map(str, ids)],
            },
        },
        "required": ["event_id"],
        "anyOf": [nested, row] if shape.is_batch else [row, nested],
        "additionalProperties": True,
        "examples": [WEBHOOKS[shape.kind]],
    }


def _operation(shape: Shape) -> Schema:
    body = {
        "schema": _ref(f"{_name(shape)}Webhook"),
        "examples": {"usual": {"value": WEBHOOKS[shape.kind]}},
    }
    return {
        "operationId": f"receive_{shape.kind.value}",
        "summary": f"Event {min(shape.event_ids)}: {shape.kind.value.replace('_', ' ')}",
        "description": "Sent by Picky Assist, once and never again, to the URL with the secret. "
        "Unknown codes and fields are kept.",
        "tags": ["webhooks"],
        "security": [],
        "requestBody": {
            "required": True,
            "content": {"application/json": body, "application/x-www-form-urlencoded": body},
        },
        "responses": {
            status: {
                "description": description,
                "content": {
                    "application/json": {
                        "schema": _answer(status, name),
                        "examples": {"usual": {"value": example}},
                    }
                },
            }
            for status, description, name, example in ANSWERS
        },
    }


def _answer(status: str, name: str) -> Schema:
    # Only this one is both: nothing at all, and something that is kept.
    return (
        {"oneOf": [_ref("WebhookRefusal"), _ref("WebhookAnswer")]}
        if status == "400"
        else _ref(name)
    )
