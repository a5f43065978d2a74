"""The incoming webhooks as JSON Schemas, from the definitions used by the parser."""

from __future__ import annotations

from typing import Any

from ..choices import CHANNELS, RequestState
from ..models import MODELS
from ..parsing import chat
from ..parsing.event_types import EVENT_TYPES, EventType, ReadMethod
from ..parsing.values import MAX_LENGTH, FieldReader
from .components import Schema, known_codes, named, operation_id, ref, tag
from .examples import ANSWERS, WEBHOOKS

_ID: Schema = {"type": ["string", "integer", "null"], "maxLength": MAX_LENGTH}
_TEXT: Schema = {"type": ["string", "number", "null"]}
_WHOLE: Schema = {
    "type": ["integer", "string"],
    "minimum": -(2**63),
    "maximum": 2**63 - 1,
    "pattern": r"^\s*[+-]?[0-9]{1,18}\s*$",
}
_BLANK_TEXT = r"^\s*$"
# PHP writes an object without members as a list.
_OBJECT: Schema = {
    "type": ["object", "array", "string", "null"],
    "maxItems": 0,
    "pattern": _BLANK_TEXT,
}

#: Values each reader takes unchanged; other texts are replaced with a warning, other ids refused.
TYPES: dict[ReadMethod, Schema] = {
    FieldReader.identifier: _ID,
    FieldReader.integer: _WHOLE,
    FieldReader.text: _TEXT,
    FieldReader.short: _TEXT | {"maxLength": MAX_LENGTH},
    FieldReader.word: _TEXT | {"maxLength": MAX_LENGTH},
    chat.direction: _WHOLE
    | {"type": ["integer", "string", "null"], "pattern": r"^\s*([+-]?[0-9]{1,18}\s*)?$"},
    chat.text: _TEXT,
    chat.an_object: _OBJECT,
    chat.reply: _OBJECT
    | {"properties": {"id": _TEXT | {"maxLength": MAX_LENGTH}, "description": _TEXT}},
    chat.a_list: {"type": ["array", "object", "string", "null"], "pattern": _BLANK_TEXT},
}

#: States in a webhook response; only a person can discard a request.
_STATES = [state.value for state in RequestState if state != RequestState.DISCARDED]


def _count(description: str) -> Schema:
    return {"type": "integer", "minimum": 0, "description": description}


_COMPONENTS: dict[str, Schema] = {
    "WebhookAnswer": {
        "type": "object",
        "description": "The state of a stored request.",
        "required": ["ok", "id", "state"],
        "properties": {
            "ok": {"type": "boolean", "description": "False if no part of the payload was valid."},
            "id": {"type": "string", "format": "uuid", "description": "The request's `token`."},
            "state": {"type": "string", "enum": [*_STATES, "spooled"]},
            "accepted": _count("New rows."),
            "repeats": _count("Rows that were received before."),
            "problems": _count("Invalid rows."),
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
        "description": "The reason why nothing was stored.",
        "required": ["ok", "error", "expected"],
        "properties": {
            "ok": {"const": False},
            "error": {"type": "string"},
            "expected": {"type": "string"},
        },
    },
}


def components() -> dict[str, Schema]:
    """Return the schemas of the webhooks, their rows and the responses."""
    schemas = dict(_COMPONENTS)
    for event_type in EVENT_TYPES:
        schemas[f"{_name(event_type)}WebhookRow"] = _row(event_type)
        schemas[f"{_name(event_type)}Webhook"] = _body(event_type)
    return {named(name): schema for name, schema in schemas.items()}


def webhooks() -> dict[str, Schema]:
    """Return the path items of the webhooks by kind."""
    return {event_type.kind.value: {"post": _operation(event_type)} for event_type in EVENT_TYPES}


def _name(event_type: EventType) -> str:
    return event_type.kind.value.title().replace("_", "")


def _row(event_type: EventType) -> Schema:
    fields = MODELS[event_type.kind]._meta
    properties = {
        vendor_name: TYPES[read] | {"description": _description(fields.get_field(column))}
        for vendor_name, (column, read) in event_type.fields.items()
    }
    whole = [name for name, (_, read) in event_type.fields.items() if read is FieldReader.integer]
    return {
        "type": "object",
        "description": f"One {event_type.kind.value.replace('_', ' ')}. Other fields are kept.",
        "properties": properties,
        "required": whole,
        "anyOf": [
            {"required": list(names), "properties": {name: _required(name) for name in names}}
            for names in event_type.known_by
        ],
        "additionalProperties": True,
    }


def _required(name: str) -> Schema:
    filled: Schema = {"type": ["string", "integer"], "maxLength": MAX_LENGTH, "pattern": r"\S"}
    return filled | {"not": {"enum": ["0", 0]}} if name in ("msg_id", "unique-id") else filled


def _description(field: Any) -> str:
    """Return the model's name for a field, with the known codes."""
    name = str(field.verbose_name)
    text = f"{name[:1].upper()}{name[1:]}; our `{field.name}`"
    hints = dict(field.flatchoices) or (CHANNELS if field.name == "channel" else {})
    return f"{text}. {known_codes(hints)}" if hints else f"{text}."


def _body(event_type: EventType) -> Schema:
    row = ref(f"{_name(event_type)}WebhookRow")
    if not event_type.event_ids:
        properties = {
            "project-id": _ID | {"description": "The Picky Assist project; our `project_id`."},
            "message_in_raw": _TEXT | {"description": "The text without escapes; our `text`."},
        }
        examples = [WEBHOOKS[event_type.kind]]
        return {"type": "object", "properties": properties, "allOf": [row], "examples": examples}
    nested: Schema = {"required": ["data"], "properties": {"data": _rows(row)}}
    ids = sorted(event_type.event_ids)
    return {
        "type": "object",
        "properties": {
            "project_id": _ID | {"description": "The Picky Assist project; our `project_id`."},
            "event_id": {
                "description": f"The kind of event: {' or '.join(map(str, ids))}, number or text.",
                "enum": [*ids, *map(str, ids)],
            },
        },
        "required": ["event_id"],
        "anyOf": [nested, row] if event_type.is_batch else [row, nested],
        "additionalProperties": True,
        "examples": [WEBHOOKS[event_type.kind]],
    }


def _rows(row: Schema) -> Schema:
    return {
        "description": "A list of rows, one row, or an object of rows (PHP writes a list with a "
        "gap in this way); in a form, a JSON text.",
        "anyOf": [
            {"type": "array", "items": row},
            row,
            {"type": "object", "additionalProperties": row},
            {"type": "string", "contentMediaType": "application/json", "pattern": r"^\s*[\[{]"},
        ],
    }


def _operation(event_type: EventType) -> Schema:
    if event_type.event_ids:
        source = f"Event {min(event_type.event_ids)}"
        attempts = "once, without a retry"
    else:
        source = "Global Webhook"
        attempts = "again if the answer is not 200 and its retries are switched on"
    name = event_type.kind.value.replace("_", " ")
    body = _content(ref(f"{_name(event_type)}Webhook"), WEBHOOKS[event_type.kind])
    return {
        "operationId": operation_id(f"receive_{event_type.kind.value}"),
        "summary": f"{source}: {name}",
        "description": f"Picky Assist sends it {attempts}, to the URL with the "
        "secret. Unknown codes and fields are kept.",
        "tags": [tag("webhooks")],
        "security": [],
        "requestBody": {
            "required": True,
            "content": {"application/json": body, "application/x-www-form-urlencoded": body},
        },
        "responses": {
            status: {
                "description": description,
                "content": {"application/json": _content(_answer(status, example), example)},
            }
            for status, description, example in ANSWERS
        },
    }


def _content(schema: Schema, example: Schema) -> Schema:
    return {"schema": schema, "examples": {"usual": {"value": example}}}


def _answer(status: str, example: Schema) -> Schema:
    if status == "400":  # an empty body, or an invalid payload that is stored
        return {"oneOf": [ref("WebhookRefusal"), ref("WebhookAnswer")]}
    return ref("WebhookRefusal" if "error" in example else "WebhookAnswer")
