"""The four kinds of events."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from .. import keys
from ..models import DeliveryReport, FilterReport, GroupMemberEvent, Message, NewSubscriber
from .erasing import ErasingAdmin
from .filters import MessageFilter, RequestFilter

_ORIGIN: Any = (
    _("Where it came from"),
    {"fields": ("project_id", "received_at", "request_link", "index", "extra")},
)


@admin.register(DeliveryReport)
class DeliveryReportAdmin(ErasingAdmin):
    list_display = ("received_at", "status", "number", "msg_id")
    list_filter = ("status", "received_at", RequestFilter, MessageFilter)
    search_fields = ("number", "msg_id", "reference_number")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "msg_id",
                    "number",
                    "status",
                    "previous_status",
                    "message_link",
                    "error_code",
                    "error_message",
                    "reference_number",
                    "push_id",
                    "channel",
                )
            },
        ),
        (
            _("Content"),
            {"fields": ("message", "message_type", "media", "agent_id", "template_id", "source")},
        ),
        _ORIGIN,
    )

    @admin.display(description=_("what became of the message"))
    def message_link(self, report: DeliveryReport) -> Any:
        key = keys.message(report.project_id, report.msg_id)
        message = Message.objects.using(report._state.db).filter(key=key).first()
        if message is None:
            return self.get_empty_value_display()
        return self.link(Message, message.get_status_display(), message.pk)


@admin.register(FilterReport)
class FilterReportAdmin(ErasingAdmin):
    list_display = ("received_at", "status", "number")
    list_filter = ("status", "received_at", RequestFilter)
    search_fields = ("number", "msg_id", "reference_number")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "number",
                    "status",
                    "error_code",
                    "error_message",
                    "msg_id",
                    "reference_number",
                    "push_id",
                )
            },
        ),
        _ORIGIN,
    )


@admin.register(GroupMemberEvent)
class GroupMemberEventAdmin(ErasingAdmin):
    list_display = ("received_at", "action", "number", "group_subject")
    list_filter = ("action", "received_at", RequestFilter)
    search_fields = ("number", "group_id")
    fieldsets = (
        (None, {"fields": ("number", "action", "group_id", "group_subject", "channel")}),
        _ORIGIN,
    )


@admin.register(NewSubscriber)
class NewSubscriberAdmin(ErasingAdmin):
    list_display = ("received_at", "name", "number", "channel")
    list_filter = ("received_at", RequestFilter)
    search_fields = ("number", "subscriber_id")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "subscriber_id",
                    "name",
                    "number",
                    "email",
                    "channel",
                    "message",
                    "date",
                    "date_text",
                    "profile_pic",
                )
            },
        ),
        _ORIGIN,
    )
