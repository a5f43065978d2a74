"""Serializer fields with a schema of their own."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from ..choices import Content, EventKind, RequestOrigin, RequestState
from ..insights.error_codes import explained
from .components import named


class Label(serializers.SerializerMethodField):
    """The label of a code; blank if the vendor does not document the code."""

    def __init__(self, field: str) -> None:
        self.code = field
        super().__init__()

    def to_representation(self, value: Any) -> str:
        field: Any = value._meta.get_field(self.code)
        return str(dict(field.flatchoices).get(getattr(value, self.code), ""))

    def bind(self, field_name: str, parent: Any) -> None:
        serializers.Field.bind(self, field_name, parent)


@extend_schema_field({"type": "integer", "format": "int64"})
class Code(serializers.ChoiceField):
    """A vendor code; the known codes are hints, not a complete list."""


@extend_schema_field(
    {"type": "string", "description": "Content of a chat message.", "enum": Content.values},
    component_name=named("Content"),
)
class ContentWord(serializers.CharField):
    pass


@extend_schema_field(
    {"type": "string", "description": "The state of a request.", "enum": RequestState.values},
    component_name=named("RequestState"),
)
class State(serializers.CharField):
    pass


@extend_schema_field(
    {
        "type": "string",
        "description": "The kind of event; blank if the payload was invalid.",
        "enum": [*EventKind.values, ""],
    },
    component_name=named("EventKind"),
)
class Kind(serializers.CharField):
    pass


@extend_schema_field(
    {
        "type": "string",
        "description": "Whether a request was posted, or pulled from the delivery report API.",
        "enum": RequestOrigin.values,
    },
    component_name=named("RequestOrigin"),
)
class Origin(serializers.CharField):
    pass


@extend_schema_field({"type": ["object", "null"], "additionalProperties": True})
class Extra(serializers.JSONField):
    """Unknown fields; null without the permission to view personal data."""


@extend_schema_field({"type": ["array", "null"], "items": {}})
class Listed(serializers.JSONField):
    """A list as sent; null without the permission to view personal data."""


@extend_schema_field(OpenApiTypes.STR)
class StatusLabel(Label):
    pass


@extend_schema_field(
    {"type": "string", "description": "The error code in words, as a hint; blank if unknown."}
)
class Explanation(serializers.CharField):
    def to_representation(self, value: Any) -> str:
        return explained(str(value))
