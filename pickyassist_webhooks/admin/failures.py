"""Receivers that raised."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.db.models.functions import Right
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from ..choices import UNFINISHED
from ..models import MODELS, ReceiverFailure, WebhookRequest, masking
from .base import Column, ReadOnlyAdmin
from .filters import RequestFilter
from .text import shortened

#: Characters of a traceback's end that are read for its last line.
_MAX_LINE = 1000


def newest_errors(failures: QuerySet[ReceiverFailure]) -> QuerySet[Any]:
    """Return failures with the ends of their errors, which ``error_shown`` needs."""
    return failures.defer("error").annotate(error_end=Right("error", _MAX_LINE))


def error_shown(failure: Any, is_masked: bool) -> str:
    """Return the last line of a traceback; if masked, only the class of the exception."""
    if is_masked:
        return failure.exception or masking.HIDDEN
    return shortened(failure.error_end.rstrip().rpartition("\n")[2])


@admin.register(ReceiverFailure)
class ReceiverFailureAdmin(ReadOnlyAdmin):
    list_display = ("failed_at", "receiver", "signal", "error_line", "attempts", "due_at")
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

    def get_queryset(self, request: HttpRequest) -> QuerySet[ReceiverFailure]:
        rows: QuerySet[ReceiverFailure] = super().get_queryset(request)
        return newest_errors(rows)

    def get_list_display(self, request: HttpRequest) -> list[Column]:
        is_masked = "error" in self.masks(request)
        columns = super().get_list_display(request)
        return [self.error_kind if name == "error_line" and is_masked else name for name in columns]

    @admin.display(description=_("error"))
    def error_line(self, failure: Any) -> str:
        return error_shown(failure, is_masked=False)

    @admin.display(description=_("error"))
    def error_kind(self, failure: Any) -> str:
        return error_shown(failure, is_masked=True)

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
