"""Receivers that raised."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from ..choices import UNFINISHED
from ..models import MODELS, ReceiverFailure, WebhookRequest
from .base import ReadOnlyAdmin
from .filters import RequestFilter


@admin.register(ReceiverFailure)
class ReceiverFailureAdmin(ReadOnlyAdmin):
    list_display = ("failed_at", "receiver", "signal", "attempts", "due_at")
    list_filter = (RequestFilter,)
    sortable_by = ()
    search_fields = ("receiver",)
    ordering = ("-pk",)
    large = ("error",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "receiver",
                    "signal",
                    "request_link",
                    "event_link",
                    "attempts",
                    "failed_at",
                    "due_at",
                    "error",
                )
            },
        ),
    )

    def has_delete_permission(
        self, request: HttpRequest, obj: ReceiverFailure | None = None
    ) -> bool:
        allowed = super().has_delete_permission(request, obj)
        # While its request is unfinished a failure says which receiver to call again. Without it
        # the request would be processed from the start, and every receiver called.
        return allowed and (obj is None or not self._awaited(obj))

    def _awaited(self, failure: ReceiverFailure) -> bool:
        requests = WebhookRequest.objects.using(failure._state.db)
        return requests.filter(pk=failure.request_id, state__in=UNFINISHED).exists()

    @admin.display(description=_("event"))
    def event_link(self, failure: ReceiverFailure) -> Any:
        requests = WebhookRequest.objects.using(failure._state.db)
        kind = requests.values_list("kind", flat=True).get(pk=failure.request_id)
        if failure.event_id is None or kind not in MODELS:
            return self.get_empty_value_display()
        model = MODELS[kind]
        return self.link(model, f"{model._meta.verbose_name} {failure.event_id}", failure.event_id)
