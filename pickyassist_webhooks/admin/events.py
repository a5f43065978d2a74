"""Delivery reports, filter reports and subscribers; group members have a module of their own."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from ..models import DeliveryReport, FilterReport, Message, NewSubscriber, keys
from .erasing import ErasingAdmin
from .filters import ChannelFilter, MessageFilter, RequestFilter, VerdictFilter

ORIGIN: Any = (
    _("Origin"),
    {"fields": ("project_id", "received_at", "request_link", "index", "extra")},
)


class EventAdmin(ErasingAdmin):
    """An admin of events, the newest first."""

    # An index has this order, after the status or the action.
    ordering = ("-received_at", "-pk")
    large: ClassVar[tuple[str, ...]] = ("extra",)


@admin.register(DeliveryReport)
class DeliveryReportAdmin(EventAdmin):
    list_display = ("received_at", "status", "number", "msg_id", "error_code")
    list_filter = ("status", "received_at", RequestFilter, MessageFilter)
    large = ("error_message", "message", "media", "extra")
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
        ORIGIN,
    )

    @admin.display(description=_("status of the message"))
    def message_link(self, report: DeliveryReport) -> Any:
        key = keys.message(report.project_id, report.msg_id)
        message = Message.objects.using(report._state.db).filter(key=key).first()
        if message is None:
            return self.get_empty_value_display()
        return self.link(Message, message.get_status_display(), message.pk)


@admin.register(FilterReport)
class FilterReportAdmin(EventAdmin):
    list_display = ("received_at", "status", "number")
    list_filter = ("status", VerdictFilter, "received_at", RequestFilter)
    large = ("error_message", "extra")
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
        ORIGIN,
    )


@admin.register(NewSubscriber)
class NewSubscriberAdmin(EventAdmin):
    list_display = ("received_at", "name", "number", "channel")
    list_filter = (ChannelFilter, "received_at", RequestFilter)
    large = ("message", "profile_pic", "extra")
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
        ORIGIN,
    )
