"""What became of each message."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ..models import DeliveryReport, Message
from .base import alarm
from .erasing import ErasingAdmin
from .filters import ConflictFilter


@admin.register(Message)
class MessageAdmin(ErasingAdmin):
    list_display = ("changed_at", "status", "number", "reference_number", "conflict")
    list_filter = ("status", ConflictFilter, "changed_at")
    search_fields = ("number", "msg_id", "reference_number")
    sortable_by = ("changed_at",)
    ordering = ("-changed_at", "-pk")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "msg_id",
                    "number",
                    "status",
                    "conflict",
                    "history",
                    "reference_number",
                    "push_id",
                    "channel",
                    "project_id",
                )
            },
        ),
        (_("When"), {"fields": ("changed_at", "first_reported_at")}),
        (_("What was seen"), {"fields": ("delivered", "failed_seen", "refunded")}),
    )

    @admin.display(description=_("conflict"))
    def conflict(self, message: Message) -> Any:
        if not message.conflict:
            return self.get_empty_value_display()
        return alarm(gettext("received, yet failed or refunded"))

    @admin.display(description=_("history"))
    def history(self, message: Message) -> Any:
        return self.list_link(DeliveryReport, message.reports().count(), of_message=message.pk)
