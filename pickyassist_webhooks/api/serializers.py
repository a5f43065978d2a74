"""Rows as JSON: field names follow the models, and masking follows the admin."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from ..models import MODELS, Event, Message
from ..permissions import VIEW_PERSONAL_DATA
from .fields import Code, ContentWord, Explanation, StatusLabel

_EVENT = ("id", "project_id", "request", "index", "received_at")


class RowSerializer(serializers.ModelSerializer[Any]):
    """A row with labels for its codes, and masked fields if the user lacks the permission."""

    def get_extra_kwargs(self) -> dict[str, dict[str, Any]]:
        """Make all fields read-only, so the schema contains no database limits."""
        return {name: {"read_only": True} for name in self.Meta.fields}

    def to_representation(self, instance: Any) -> dict[str, Any]:
        shown = super().to_representation(instance)
        request = self.context.get("request")
        if request is not None and request.user.has_perm(VIEW_PERSONAL_DATA):
            return shown
        for name, mask in instance.personal.items():
            if shown.get(name):
                # Other types become null, so that the type of the field stays the same.
                shown[name] = mask(shown[name]) if isinstance(shown[name], str) else None
        return shown


class EventSerializer(RowSerializer):
    """One event: its fields are those of its model."""

    serializer_choice_field = Code
    # Objects and lists are null without the permission to view personal data.
    extra = serializers.DictField(read_only=True, allow_null=True)

    def build_standard_field(self, field_name: str, model_field: Any) -> Any:
        if model_field.get_internal_type() == "JSONField":
            is_list = model_field.default is list
            kind = serializers.ListField if is_list else serializers.DictField
            return kind, {"allow_null": True}
        if model_field.choices and model_field.get_internal_type() == "CharField":
            return ContentWord, {}
        return super().build_standard_field(field_name, model_field)


def _of_event(model: type[Event]) -> type[EventSerializer]:
    """Return the serializer of a kind of event, with a label after each code."""
    names: list[str] = []
    labels: dict[str, Any] = {}
    for field in model.content_fields():
        names.append(field.name)
        if field.choices and not field.null:
            names.append(f"{field.name}_label")
            labels[names[-1]] = StatusLabel(field.name)
    meta = type("Meta", (), {"model": model, "fields": (*_EVENT, *names, "extra")})
    attributes = {**labels, "Meta": meta, "__doc__": model.__doc__, "__module__": __name__}
    return type(f"{model.__name__}Serializer", (EventSerializer,), attributes)


#: The serializer of each kind of event.
EVENTS = {kind: _of_event(model) for kind, model in MODELS.items()}


class MessageSerializer(RowSerializer):
    serializer_choice_field = Code
    status_label = StatusLabel("status")
    conflict = serializers.BooleanField(read_only=True)
    error_explanation = Explanation(source="error_code", read_only=True)

    class Meta:
        model = Message
        fields = (
            "id",
            "project_id",
            "msg_id",
            "push_id",
            "number",
            "country",
            "reference_number",
            "channel",
            "status",
            "status_label",
            "first_reported_at",
            "changed_at",
            "delivered",
            "failed_seen",
            "refunded",
            "conflict",
            "error_code",
            "error_message",
            "error_explanation",
        )
