"""The error responses of the API."""

from __future__ import annotations

from typing import Any

from .components import ref

_TEXTS = {"type": "array", "items": {"type": "string"}}

COMPONENTS: dict[str, dict[str, Any]] = {
    "Detail": {
        "type": "object",
        "description": "The reason for the error.",
        "required": ["detail"],
        "properties": {"detail": {"type": "string"}},
    },
    "BadRequest": {
        "type": "object",
        "description": "The error of each parameter or field; `detail` is about the body.",
        "additionalProperties": {"anyOf": [{"type": "string"}, _TEXTS]},
    },
}

#: Description and example of each status.
_ERRORS: dict[str, tuple[str, dict[str, Any]]] = {
    "400": (
        "Unknown parameter or invalid value.",
        {"page_size": ["Expected a whole number from 1 to 1000."]},
    ),
    "401": (
        "Not logged in.",
        {"detail": "Authentication credentials were not provided."},
    ),
    "403": (
        "A permission is missing; or the client is not logged in, and no authentication of the "
        "project asks for credentials.",
        {"detail": "You do not have permission to perform this action."},
    ),
    "404": ("The row or the `format` does not exist.", {"detail": "Not found."}),
    "406": (
        "No format in `Accept` is available.",
        {"detail": "Could not satisfy the request Accept header."},
    ),
    "409": (
        "A worker is processing the request, or it has no failed receivers to call.",
        {"detail": "A worker is processing this request, or it has no failed receivers to call."},
    ),
    "410": (
        "The body of the request is erased.",
        {"detail": "The body of this request is erased."},
    ),
    "415": (
        "The project does not support the format of the body.",
        {"detail": 'Unsupported media type "text/plain" in request.'},
    ),
    "429": (
        "More requests than the project's throttle allows.",
        {"detail": "Request was throttled. Expected available in 60 seconds."},
    ),
}


#: Examples of a 400 for operations without the parameters of a list.
_REFUSED: dict[str, dict[str, Any]] = {
    "stats": {"days": ["Ensure this value is less than or equal to 90."]},
    "requests_replay": {"only_failed_receivers": ["Must be a valid boolean."]},
    "retrieve": {"statu": ["Unknown parameter. Expected one of: number, status."]},
}


def responses(name: str, statuses: set[str], media_types: list[str]) -> dict[str, dict[str, Any]]:
    """Return the OpenAPI error responses of an operation for these statuses."""
    return {status: _response(name, status, media_types) for status in sorted(statuses)}


def _response(name: str, status: str, media_types: list[str]) -> dict[str, Any]:
    description, example = _ERRORS[status]
    if status == "400":
        example = _REFUSED.get(name) or _REFUSED.get(name.rpartition("_")[2], example)
    schema = "BadRequest" if status == "400" else "Detail"
    content = {
        "schema": ref(schema),
        "examples": {"usual": {"value": example}},
    }
    return {
        "description": description,
        "content": dict.fromkeys(media_types, content),
    }
