"""Requests as JSON, with their problems, bodies and events."""

from __future__ import annotations

import base64
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from ..models import MODELS, WebhookRequest
from ..permissions import VIEW_PERSONAL_DATA, to_view
from .components import ref
from .fields import Kind, Origin, State, StatusLabel
from .serializers import EVENTS, RowSerializer

# Not "oneOf": a delivery report also matches the filter report.
_EVENTS = [ref(serializer.Meta.model.__name__) for serializer in EVENTS.values()]


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

    @extend_schema_field({"type": "array", "items": {"anyOf": _EVENTS}})
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
