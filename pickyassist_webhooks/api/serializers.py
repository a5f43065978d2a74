"""Rows as JSON: field names follow the models, and masking follows the admin."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from ..models import (
    ChatMessage,
    DeliveryReport,
    FilterReport,
    GroupMemberEvent,
    Message,
    NewSubscriber,
)
from ..permissions import VIEW_PERSONAL_DATA
from .fields import Code, ContentWord, Explanation, Extra, Listed, StatusLabel

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
