"""Serializer fields with a schema of their own."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from ..choices import Content, EventKind, RequestOrigin, RequestState
from ..insights.error_codes import explained
from .components import known_codes, named


class StatusLabel(serializers.CharField):
    """The label of a code; blank if the vendor does not document the code."""

    def __init__(self, field: str) -> None:
        self.code = field
        super().__init__(source="*", read_only=True)

    def to_representation(self, value: Any) -> str:
        field: Any = value._meta.get_field(self.code)
        return str(dict(field.flatchoices).get(getattr(value, self.code), ""))


@extend_schema_field({"type": "integer", "format": "int64"})
class Code(serializers.ChoiceField):
    """A vendor code; the known codes are hints, not a complete list."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.help_text = known_codes(self.choices)


def _word(name: str, description: str, words: list[str]) -> type[serializers.CharField]:
    """Return a field that holds one of these words."""
    schema = {"type": "string", "description": description, "enum": words}
    field = type(name, (serializers.CharField,), {})
    return extend_schema_field(schema, component_name=named(name))(field)


ContentWord = _word("Content", "Content of a chat message.", Content.values)
State = _word("RequestState", "The state of a request.", RequestState.values)
Kind = _word(
    "EventKind", "The kind of event; blank if the payload was invalid.", [*EventKind.values, ""]
)
Origin = _word(
    "RequestOrigin",
    "Whether a request was posted, or pulled from the delivery report API.",
    RequestOrigin.values,
)


@extend_schema_field(
    {"type": "string", "description": "The error code in words, as a hint; blank if unknown."}
)
class Explanation(serializers.CharField):
    def to_representation(self, value: Any) -> str:
        return explained(str(value))
