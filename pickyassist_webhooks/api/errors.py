"""What the API answers where it does not answer with what was asked for."""

from __future__ import annotations

from typing import Any

_TEXTS = {"type": "array", "items": {"type": "string"}}

COMPONENTS: dict[str, dict[str, Any]] = {
    "Detail": {
        "type": "object",
        "description": "Why there is no other answer.",
        "required": ["detail"],
        "properties": {"detail": {"type": "string"}},
    },
    "BadRequest": {
        "type": "object",
        "description": "What is wrong with each parameter or field; in `detail`, with the body.",
        "additionalProperties": {"anyOf": [{"type": "string"}, _TEXTS]},
    },
}

#: Description and example of each status.
_ERRORS: dict[str, tuple[str, dict[str, Any]]] = {
    "400": (
        "A parameter that there is not, or a value that it cannot have.",
        {"page_size": ["Expected a whole number from 1 to 1000."]},
    ),
    "401": (
        "Nobody is logged in.",
        {"detail": "Authentication credentials were not provided."},
    ),
    "403": (
        "A permission is missing, or nobody is logged in and no authentication of the project "
        "asks for credentials.",
        {"detail": "You do not have permission to perform this action."},
    ),
    "404": ("There is no such row, or no such `format`.", {"detail": "Not found."}),
    "406": (
        "No format that `Accept` names.",
        {"detail": "Could not satisfy the request Accept header."},
    ),
    "409": (
        "A worker holds the request, or none of its receivers waits to be called.",
        {"detail": "A worker holds this request, or none of its receivers waits to be called."},
    ),
    "410": (
        "The bytes of the request are erased.",
        {"detail": "The bytes of this request are erased."},
    ),
    "415": (
        "A body that is not in a format the project reads.",
        {"detail": 'Unsupported media type "text/plain" in request.'},
    ),
    "429": (
        "More requests than the project's throttle allows.",
        {"detail": "Request was throttled. Expected available in 60 seconds."},
    ),
}


#: What is refused of operations that have none of the parameters of lists.
_REFUSED: dict[str, dict[str, Any]] = {
    "stats": {"days": ["Ensure this value is less than or equal to 90."]},
    "requests_replay": {"only_failed_receivers": ["Must be a valid boolean."]},
    "retrieve": {"statu": ["No such parameter here. Expected one of: number, status."]},
}


def responses(name: str, statuses: set[str], media_types: list[str]) -> dict[str, dict[str, Any]]:
    """Return the answers of an operation with these statuses, as OpenAPI describes them."""
    return {status: _response(name, status, media_types) for status in sorted(statuses)}


def _response(name: str, status: str, media_types: list[str]) -> dict[str, Any]:
    description, example = _ERRORS[status]
    if status == "400":
        example = _REFUSED.get(name) or _REFUSED.get(name.rpartition("_")[2], example)
    schema = "BadRequest" if status == "400" else "Detail"
    content = {
        "schema": {"$ref": f"#/components/schemas/{schema}"},
        "examples": {"usual": {"value": example}},
    }
    return {
        "description": description,
        "content": dict.fromkeys(media_types, content),
    }
