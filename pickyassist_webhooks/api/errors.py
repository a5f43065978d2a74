"""The error responses of the API."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse
from rest_framework import exceptions, serializers, status

from .components import ref


class Conflict(exceptions.APIException):
    status_code = status.HTTP_409_CONFLICT
    default_detail = "A worker is processing this request, or it has no failed receivers to call."
    default_code = "in_work"


class Gone(exceptions.APIException):
    status_code = status.HTTP_410_GONE
    default_detail = "The body of this request is erased."
    default_code = "erased"


class DetailSerializer(serializers.Serializer[Any]):
    """The reason for the error."""

    detail = serializers.CharField()


_TEXTS = {"type": "array", "items": {"type": "string"}}

#: The component of a 400.
BAD_REQUEST: dict[str, Any] = {
    "type": "object",
    "description": "The error of each parameter or field; `detail` is about the body.",
    "additionalProperties": {"anyOf": [{"type": "string"}, _TEXTS]},
}

#: The exception and, if its text is too short, the description of each status.
_ERRORS: dict[str, tuple[Callable[[], exceptions.APIException], str]] = {
    "401": (exceptions.NotAuthenticated, "Not logged in."),
    "403": (
        exceptions.PermissionDenied,
        "A permission is missing; or the client is not logged in, and no authentication of the "
        "project asks for credentials.",
    ),
    "404": (exceptions.NotFound, "The row or the `format` does not exist."),
    "406": (exceptions.NotAcceptable, "No format in `Accept` is available."),
    "409": (Conflict, ""),
    "410": (Gone, ""),
    "415": (
        partial(exceptions.UnsupportedMediaType, "text/plain"),
        "The project does not support the format of the body.",
    ),
    "429": (partial(exceptions.Throttled, 60), "More requests than the project's throttle allows."),
}

#: Examples of a 400, by the operation or by its action.
_REFUSED: dict[str, dict[str, Any]] = {
    "stats": {"days": ["Ensure this value is less than or equal to 90."]},
    "requests_replay": {"only_failed_receivers": ["Must be a valid boolean."]},
    "retrieve": {"status": ["Unknown parameter."]},
}
_REFUSED_LIST = {"page_size": ["Expected a whole number from 1 to 1000."]}


def responses(name: str, has_throttle: bool) -> dict[str, OpenApiResponse]:
    """Return the error responses of an operation."""
    statuses = ["401", "403", "404", "406", *(["429"] if has_throttle else [])]
    if name == "requests_replay":
        statuses += ["409", "410", "415"]
    errors = {each: _error(*_ERRORS[each]) for each in statuses}
    errors["400"] = _bad_request(name)
    return dict(sorted(errors.items()))


def _error(exception: Callable[[], exceptions.APIException], description: str) -> OpenApiResponse:
    detail = str(exception().detail)
    example = OpenApiExample("usual", {"detail": detail})
    return OpenApiResponse(DetailSerializer, description or detail, [example])


def _bad_request(name: str) -> OpenApiResponse:
    value = _REFUSED.get(name) or _REFUSED.get(name.rpartition("_")[2], _REFUSED_LIST)
    description = "Unknown parameter or invalid value."
    return OpenApiResponse(ref("BadRequest"), description, [OpenApiExample("usual", value)])
