"""Rows as JSON: field names follow the models, and masking follows the admin."""

from __future__ import annotations

import base64
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from ..models import MODELS, Event, Message, WebhookRequest
from ..permissions import VIEW_PERSONAL_DATA, to_view
from .components import ref
from .fields import Code, ContentWord, Explanation, Kind, Origin, State, StatusLabel

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

# Not "oneOf": a delivery report also matches the filter report.
_ANY_EVENT = {"anyOf": [ref(model.__name__) for model in MODELS.values()]}


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


class ProblemSerializer(serializers.Serializer[Any]):
    """The path of an invalid value, a code, and the expected value."""

    path = serializers.CharField()
    code = serializers.CharField()
    expected = serializers.CharField()


class WebhookRequestSerializer(RowSerializer):
    """One accepted POST and its state; ``token`` is the ``id`` in the webhook response."""

    state = State(read_only=True)
    kind = Kind(read_only=True)
    origin = Origin(read_only=True)
    state_label = StatusLabel("state")
    kind_label = StatusLabel("kind")
    duration = serializers.FloatField(
        read_only=True, allow_null=True, help_text="Seconds from received_at to finished_at."
    )

    class Meta:
        model = WebhookRequest
        fields: tuple[str, ...] = (
            "id",
            "token",
            "kind",
            "kind_label",
            "state",
            "state_label",
            "secret_label",
            "origin",
            "received_at",
            "processed_at",
            "finished_at",
            "duration",
            "erased_at",
            "event_count",
            "repeat_count",
            "problem_count",
            "attempts",
            "replays",
            "due_at",
        )


class WebhookRequestDetailSerializer(WebhookRequestSerializer):
    """With the exact body in base64; null without permission or if it is erased."""

    problems = ProblemSerializer(many=True)
    warnings = ProblemSerializer(many=True)
    receiver_seconds = serializers.DictField(
        child=serializers.FloatField(),
        read_only=True,
        allow_null=True,
        help_text="The seconds of the slowest receivers, by their paths.",
    )
    body = serializers.SerializerMethodField(allow_null=True)

    class Meta(WebhookRequestSerializer.Meta):
        fields = (
            *WebhookRequestSerializer.Meta.fields,
            "receiver_seconds",
            "problems",
            "warnings",
            "error",
            "content_type",
            "content_encoding",
            "query",
            "remote_addr",
            "body",
        )

    @extend_schema_field(OpenApiTypes.BYTE)
    def get_body(self, request: WebhookRequest) -> str | None:
        reader = self.context["request"].user
        if request.erased_at or not reader.has_perm(VIEW_PERSONAL_DATA):
            return None
        return base64.b64encode(bytes(request.body)).decode()


class FollowedRequestSerializer(WebhookRequestSerializer):
    """With the events that first appeared in this request."""

    events = serializers.SerializerMethodField(allow_null=True)

    class Meta(WebhookRequestSerializer.Meta):
        fields = (*WebhookRequestSerializer.Meta.fields, "events")

    @extend_schema_field({"type": "array", "items": _ANY_EVENT})
    def get_events(self, request: WebhookRequest) -> list[dict[str, Any]] | None:
        """Return the events, or null if the user may not view this kind."""
        model = MODELS.get(request.kind)
        if model and not self.context["request"].user.has_perm(to_view(model)):
            return None
        events = self.context["events"].get(request.pk)
        if not events:
            return []
        return list(EVENTS[request.kind](events, many=True, context=self.context).data)


class FollowedRequestPageSerializer(serializers.Serializer[Any]):
    """The requests finished since the cursor in ``after``."""

    next = serializers.URLField()
    more = serializers.BooleanField(help_text="Whether to continue at once.")
    results = FollowedRequestSerializer(many=True)


class ReplaySerializer(serializers.Serializer[Any]):
    only_failed_receivers = serializers.BooleanField(default=False)

    def validate(self, attrs: Any) -> Any:
        """Refuse unknown fields: a misspelt one would process the whole request again."""
        # A form of the browsable API has the token.
        unknown = self.initial_data.keys() - self.fields.keys() - {"csrfmiddlewaretoken"}
        if unknown:
            expected = f"Unknown field. Expected one of: {', '.join(self.fields)}."
            raise serializers.ValidationError({name: [expected] for name in sorted(unknown)})
        return attrs
