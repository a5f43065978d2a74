"""Rows as JSON: fields are named as the models name them, and masked as the admin masks them."""

from __future__ import annotations

import base64
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from ..models import (
    MODELS,
    DeliveryReport,
    Event,
    FilterReport,
    GroupMemberEvent,
    Message,
    NewSubscriber,
    WebhookRequest,
)
from ..permissions import VIEW_PERSONAL_DATA, to_view
from .fields import Code, Extra, Kind, State, StatusLabel

_OF_EVENTS = ("id", "project_id", "request", "index", "received_at")


class RowSerializer(serializers.ModelSerializer[Any]):
    """A row, with a label beside each code, and without what the user may not see."""

    def get_extra_kwargs(self) -> dict[str, dict[str, Any]]:
        """Have nothing written, and so none of the limits of a database described."""
        return {name: {"read_only": True} for name in self.Meta.fields}

    def to_representation(self, instance: Any) -> dict[str, Any]:
        shown = super().to_representation(instance)
        request = self.context.get("request")
        if request is not None and request.user.has_perm(VIEW_PERSONAL_DATA):
            return shown
        for name, mask in instance.personal.items():
            if shown.get(name):
                # What is no text is left out rather than replaced by one.
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
            *_OF_EVENTS,
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
        fields = (*_OF_EVENTS, *_REPORT, "extra")


class GroupMemberEventSerializer(EventSerializer):
    action_label = StatusLabel("action")

    class Meta:
        model = GroupMemberEvent
        fields = (
            *_OF_EVENTS,
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
            *_OF_EVENTS,
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


#: How the events of each kind are shown.
EVENTS: dict[str, type[EventSerializer]] = {
    serializer.Meta.model.kind: serializer
    for serializer in (
        DeliveryReportSerializer,
        FilterReportSerializer,
        GroupMemberEventSerializer,
        NewSubscriberSerializer,
    )
}


# No "one of": whatever is a delivery report has all that a filter report has.
_EVENTS = [{"$ref": f"#/components/schemas/{each.Meta.model.__name__}"} for each in EVENTS.values()]


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
    """Where something was not understood, a code for it, and what was expected."""

    path = serializers.CharField()
    code = serializers.CharField()
    expected = serializers.CharField()


class WebhookRequestSerializer(RowSerializer):
    """One accepted POST and what became of it; ``token`` is the ``id`` of its answer."""

    state = State(read_only=True)
    kind = Kind(read_only=True)
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
    """With the exact bytes, in base64; null for who may not see them, and where they are erased."""

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
    """With the events that were first seen in it."""

    events = serializers.SerializerMethodField()

    class Meta(WebhookRequestSerializer.Meta):
        fields = (*WebhookRequestSerializer.Meta.fields, "events")

    @extend_schema_field({"type": ["array", "null"], "items": {"anyOf": _EVENTS}})
    def get_events(self, request: WebhookRequest) -> list[dict[str, Any]] | None:
        """Return the events, null for who may not view those of this kind."""
        model = MODELS.get(request.kind)
        if model and not self.context["request"].user.has_perm(to_view(model)):
            return None
        events: list[Event] = self.context["events"].get(request.pk, [])
        if not events:
            return []
        serializer = EVENTS[events[0].kind]
        return list(serializer(events, many=True, context=self.context).data)


def events_of(requests: list[WebhookRequest]) -> dict[int, list[Event]]:
    """Return the events that were first seen in each request, by one statement for each kind."""
    found: dict[int, list[Event]] = {}
    for kind in {request.kind for request in requests} & MODELS.keys():
        pks = [request.pk for request in requests if request.kind == kind]
        rows: Any = MODELS[kind]._default_manager.using(requests[0]._state.db)
        rows = rows.filter(request__in=pks)
        for event in rows.order_by("request", "index"):
            found.setdefault(event.request_id, []).append(event)
    return found


class ReplaySerializer(serializers.Serializer[Any]):
    only_failed_receivers = serializers.BooleanField(default=False)
