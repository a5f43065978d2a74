"""Receivers that raised."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.db.models.functions import Right
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from ..choices import UNFINISHED
from ..insights.failures import FAILURE_SAMPLE, failure_groups
from ..models import MODELS, ReceiverFailure, WebhookRequest, masking
from ..models.failures import ERASED, NEVER_RETURNED
from ..models.masking import Masks
from ..models.requests import requests
from ..parsing.characters import visible
from .bulk import BulkAdmin, asking
from .filters import RequestFilter, ValueFilter
from .labels import grouped
from .operations import CALL_AGAIN, DISCARD_THEM
from .text import MAX_IN_LIST, shortened

#: Characters of a traceback's end that are read for its last line.
_MAX_LINE = 1000


def newest_errors(failures: QuerySet[ReceiverFailure]) -> QuerySet[Any]:
    """Return failures with the ends of their errors, which ``error_shown`` needs."""
    return failures.defer("error").annotate(error_end=Right("error", _MAX_LINE))


def error_shown(failure: Any, masks: Masks, length: int = MAX_IN_LIST) -> str:
    """Return the last line of a traceback; if masked, only the class of the exception.

    The class comes first, also if the line is one of many in a text, or the end of a long one.
    """
    if "error" in masks:
        return failure.exception or masking.HIDDEN
    line = failure.error_end.rstrip().rpartition("\n")[2]
    if line not in (ERASED, NEVER_RETURNED) and not line.startswith(failure.exception):
        line = f"{failure.exception}: {line}"
    return shortened(line, length)


def read_states(http_request: Any, pks: Iterable[int]) -> None:
    """Read the states of these requests: Django asks for each failure if it may be deleted."""
    states = requests().filter(pk__in=set(pks)).values_list("pk", "state")
    http_request.states_of_requests = dict(states)


def _is_unfinished(http_request: Any, failure: ReceiverFailure) -> bool:
    if failure.request_id not in getattr(http_request, "states_of_requests", {}):
        read_states(http_request, [failure.request_id])
    return http_request.states_of_requests.get(failure.request_id) in UNFINISHED


def exception_of(group: Any) -> str:
    """Return the value of ``ExceptionFilter`` for the group of a failure."""
    return f"{group.exception} {group.receiver}"


class ReceiverFilter(ValueFilter):
    """Shows the failures of one receiver. Only the overview leads here."""

    title = _("receiver")
    parameter_name = "receiver"
    label = staticmethod(visible)


class ExceptionFilter(ReceiverFilter):
    """Shows the failures of one receiver with one exception. The table above the list offers it."""

    title = _("exception")
    parameter_name = "exception"

    def matching(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        exception, _space, receiver = value.partition(" ")
        return queryset.filter(exception=exception, receiver=receiver)


@admin.register(ReceiverFailure)
class ReceiverFailureAdmin(BulkAdmin):
    actions = ("call_receivers_again", "discard_selected")
    list_display = ("failed_at", "receiver", "signal", "error_line", "attempts", "due_at")
    list_filter = ("failed_at", RequestFilter, ReceiverFilter, ExceptionFilter)
    change_list_template = "pickyassist_webhooks/admin/failures.html"
    sortable_by = ("failed_at",)
    search_fields = ("receiver",)
    ordering = ("-failed_at",)
    large = ("error",)
    layout = (
        (
            None,
            (
                "receiver",
                "exception",
                "signal",
                "request_link",
                "event_link",
                "attempts",
                "failed_at",
                "due_at",
                "error",
            ),
        ),
    )

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        context = {
            "groups": failure_groups() if self.has_view_permission(request) else (),
            "chosen": request.GET.get(ExceptionFilter.parameter_name),
            "sample": grouped(FAILURE_SAMPLE),
            **(extra_context or {}),
        }
        return super().changelist_view(request, context)

    call_receivers_again = asking(CALL_AGAIN, _("Call failed receivers of their requests again"))
    discard_selected = asking(DISCARD_THEM, _("Discard their requests"))

    def ask_first(self, http_request: HttpRequest, rows: Any, *args: Any, **context: Any) -> Any:
        """Ask for the requests of these failures."""
        chosen = WebhookRequest.objects.using(rows.db)
        chosen = chosen.filter(pk__in=rows.order_by().values("request"))
        return super().ask_first(http_request, chosen, *args, **context)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return newest_errors(super().get_queryset(request))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        read_states(request, (failure.request_id for failure in objs))
        return super().get_deleted_objects(objs, request)

    @admin.display(description=_("error"))
    def error_line(self, failure: Any) -> str:
        return error_shown(failure, self.masks(failure.viewer))

    def has_delete_permission(
        self, request: HttpRequest, obj: ReceiverFailure | None = None
    ) -> bool:
        allowed = super().has_delete_permission(request, obj)
        # While its request is unfinished a failure says which receiver to call again. Without it
        # the request would be processed from the start, and every receiver called.
        return allowed and (obj is None or not _is_unfinished(request, obj))

    @admin.display(description=_("event"))
    def event_link(self, failure: Any) -> Any:
        of_database = WebhookRequest.objects.using(failure._state.db)
        kind = of_database.values_list("kind", flat=True).get(pk=failure.request_id)
        if failure.event_id is None or kind not in MODELS:
            return self.get_empty_value_display()
        model = MODELS[kind]
        text = f"{model._meta.verbose_name} {failure.event_id}"
        return self.link(failure.viewer, model, text, failure.event_id)
