"""Rows as JSON: field names follow the models, and masking follows the admin."""

from __future__ import annotations

import base64
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from ..models import (
    MODELS,
    ChatMessage,
    DeliveryReport,
    Event,
    FilterReport,
    GroupMemberEvent,
    Message,
    NewSubscriber,
    WebhookRequest,
)
from ..permissions import VIEW_PERSONAL_DATA, to_view
from .components import ref
from .fields import Code, ContentWord, Extra, Kind, Listed, Origin, State, StatusLabel

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
    serializer_choice_field = Code
    extra = Extra(read_only=True)


class ReportSerializer(EventSerializer):
    status_label = StatusLabel("status")


_REPORT = (
    "push_id",
    "number",
    "msg_id",
    "status",
    "status_label",
    "reference_number",
    "error_code",
    "error_message",
)


class DeliveryReportSerializer(ReportSerializer):
    class Meta:
        model = DeliveryReport
        fields = (
            *_EVENT,
            *_REPORT,
            "previous_status",
            "message",
            "message_type",
            "media",
            "channel",
            "agent_id",
            "template_id",
            "source",
            "extra",
        )


class FilterReportSerializer(ReportSerializer):
    class Meta:
        model = FilterReport
        fields = (*_EVENT, *_REPORT, "extra")


class GroupMemberEventSerializer(EventSerializer):
    action_label = StatusLabel("action")

    class Meta:
        model = GroupMemberEvent
        fields = (
            *_EVENT,
            "action",
            "action_label",
            "group_id",
            "group_subject",
            "number",
            "channel",
            "extra",
        )


class NewSubscriberSerializer(EventSerializer):
    class Meta:
        model = NewSubscriber
        fields = (
            *_EVENT,
            "subscriber_id",
            "number",
            "name",
            "email",
            "profile_pic",
            "channel",
            "message",
            "date",
            "date_text",
            "extra",
        )


class ChatMessageSerializer(EventSerializer):
    direction_label = StatusLabel("direction")
    content = ContentWord(read_only=True)
    content_label = StatusLabel("content")
    location = Extra(read_only=True)
    contacts = Listed(read_only=True)
    mentions = Listed(read_only=True)

    class Meta:
        model = ChatMessage
        fields = (
            *_EVENT,
            "direction",
            "direction_label",
            "unique_id",
            "number",
            "name",
            "messenger_id",
            "text",
            "content",
            "content_label",
            "type",
            "media",
            "channel",
            "group_id",
            "group_subject",
            "context_msg_id",
            "reply_id",
            "reply_description",
            "payload",
            "location",
            "contacts",
            "mentions",
            "extra",
        )


#: The serializer of each kind of event.
EVENTS: dict[str, type[EventSerializer]] = {
    serializer.Meta.model.kind: serializer
    for serializer in (
        DeliveryReportSerializer,
        FilterReportSerializer,
        GroupMemberEventSerializer,
        NewSubscriberSerializer,
        ChatMessageSerializer,
    )
}


# Not "oneOf": a delivery report also matches the filter report.
_EVENTS = [ref(serializer.Meta.model.__name__) for serializer in EVENTS.values()]


class MessageSerializer(RowSerializer):
    serializer_choice_field = Code
    status_label = StatusLabel("status")
    conflict = serializers.BooleanField(read_only=True)

    class Meta:
        model = Message
        fields = (
            "id",
            "project_id",
            "msg_id",
            "push_id",
            "number",
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
    body = serializers.SerializerMethodField()

    class Meta(WebhookRequestSerializer.Meta):
        fields = (
            *WebhookRequestSerializer.Meta.fields,
            "problems",
            "warnings",
            "error",
            "content_type",
            "content_encoding",
            "query",
            "remote_addr",
            "body",
        )

    @extend_schema_field({"type": ["string", "null"], "contentEncoding": "base64"})
    def get_body(self, request: WebhookRequest) -> str | None:
        reader = self.context["request"].user
        if request.erased_at or not reader.has_perm(VIEW_PERSONAL_DATA):
            return None
        return base64.b64encode(bytes(request.body)).decode()


class FollowedRequestSerializer(WebhookRequestSerializer):
    """With the events that first appeared in this request."""

    events = serializers.SerializerMethodField()

    class Meta(WebhookRequestSerializer.Meta):
        fields = (*WebhookRequestSerializer.Meta.fields, "events")

    @extend_schema_field({"type": ["array", "null"], "items": {"anyOf": _EVENTS}})
    def get_events(self, request: WebhookRequest) -> list[dict[str, Any]] | None:
        """Return the events, or null if the user may not view this kind."""
        model = MODELS.get(request.kind)
        if model and not self.context["request"].user.has_perm(to_view(model)):
            return None
        events: list[Event] = self.context["events"].get(request.pk, [])
        if not events:
            return []
        serializer = EVENTS[events[0].kind]
        return list(serializer(events, many=True, context=self.context).data)


class ReplaySerializer(serializers.Serializer[Any]):
    only_failed_receivers = serializers.BooleanField(default=False)
