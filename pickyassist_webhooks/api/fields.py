"""Fields that are shown as no field of a model would be."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from ..choices import EventKind, RequestState


class Label(serializers.SerializerMethodField):
    """What a code stands for; blank where the vendor's page does not list it."""

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
    """A code of the vendor: those that are known are hints, and no list of what there is."""


@extend_schema_field({"$ref": "#/components/schemas/RequestState"})
class State(serializers.CharField):
    pass


@extend_schema_field({"$ref": "#/components/schemas/EventKind"})
class Kind(serializers.CharField):
    pass


#: What the fields above refer to.
COMPONENTS: dict[str, dict[str, Any]] = {
    "RequestState": {
        "type": "string",
        "description": "What became of a request.",
        "enum": RequestState.values,
    },
    "EventKind": {
        "type": "string",
        "description": "What a request held; blank where it was not understood.",
        "enum": [*EventKind.values, ""],
    },
}


@extend_schema_field({"type": ["object", "null"], "additionalProperties": True})
class Extra(serializers.JSONField):
    """Fields that this version does not know; null for who may not see them."""


@extend_schema_field(OpenApiTypes.STR)
class StatusLabel(Label):
    pass
