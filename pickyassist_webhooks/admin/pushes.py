"""Pushes, each with its messages and the last error of the delivery report API."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from ..choices import PushState
from ..models import Message, Push
from .base import ReadOnlyAdmin
from .labels import alarm


@admin.register(Push)
class PushAdmin(ReadOnlyAdmin):
    list_display = ("recorded_at", "push_id", "project_id", "state_shown", "asked_at")
    list_filter = ("state", "recorded_at")
    search_fields = ("push_id",)
    sortable_by = ("recorded_at",)
    ordering = ("-recorded_at", "-pk")
    large = ("error",)
    layout = (
        (None, ("push_id", "project_id", "state_shown", "recorded_at", "messages")),
        (_("Asked for its reports"), ("attempts", "asked_at", "due_at", "error")),
    )

    def leaves_out(self, row: Push, name: str) -> bool:
        # Only an open push has a next call.
        return name == "due_at" and row.state != PushState.OPEN

    @admin.display(description=_("state"))
    def state_shown(self, push: Push) -> Any:
        label = push.get_state_display()
        return alarm(label) if push.state == PushState.GIVEN_UP else label

    @admin.display(description=_("messages"))
    def messages(self, push: Any) -> Any:
        first = push.messages().order_by("pk").first()
        if first is None:
            return self.get_empty_value_display()
        return self.list_link(push.viewer, Message, push.messages().count(), push_of=first.pk)
