"""The buttons on the page of a request: each has its own permission and is a POST."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from .. import ingest
from ..models import WebhookRequest
from ..models.requests import requests
from ..permissions import VIEW_PERSONAL_DATA
from ..transactions import outside_of_transactions
from .bulk import BulkAdmin, reason_of
from .diagnosis import DiagnosisAdmin
from .operations import DISCARD_THEM, FINISHED, NOT_POSSIBLE, OPERATIONS, PROCESS_AGAIN, Operation


class ActionsAdmin(DiagnosisAdmin, BulkAdmin):
    """The page of a request, with buttons, and with its body to download."""

    change_form_template = "pickyassist_webhooks/admin/request.html"

    def get_urls(self) -> list[URLPattern]:
        buttons = [
            self.route(
                f"<int:pk>/{operation.name}/",
                outside_of_transactions(require_POST(partial(self.press, operation))),
                operation.name,
            )
            for operation in OPERATIONS
        ]
        body = self.route("<int:pk>/body/", require_safe(self.body_view), "body")
        return [*buttons, body, *super().get_urls()]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        shown: WebhookRequest = kwargs["obj"]
        context["request_actions"] = [
            (operation, self.url(operation.name, shown.pk))
            for operation in OPERATIONS
            if request.user.has_perm(operation.permission) and _is_possible(operation, shown)
        ]
        context["diagnosis"] = self.diagnosis(request, shown)
        if request.user.has_perm(VIEW_PERSONAL_DATA) and shown.body:
            context["body_url"] = self.url("body", shown.pk)
        return super().render_change_form(request, context, *args, **kwargs)

    def press(self, operation: Operation, request: HttpRequest, pk: int) -> HttpResponse:
        """Do it, and show the result on the page of the request."""
        if not request.user.has_perm(operation.permission):
            raise PermissionDenied
        self.viewed(request, pk)
        text, level = self._result(request, operation, pk)
        self.message_user(request, text, level)
        return HttpResponseRedirect(self.url("change", pk))

    def _result(self, request: HttpRequest, operation: Operation, pk: int) -> tuple[str, int]:
        if operation.needs_reason and not reason_of(request):
            return gettext("A reason is needed."), messages.ERROR
        try:
            state = self.carry_out(request, operation, pk)
        except tuple(NOT_POSSIBLE) as err:
            return str(NOT_POSSIBLE[type(err)]), messages.WARNING
        except WebhookRequest.DoesNotExist:
            raise Http404 from None  # deleted or pruned meanwhile
        level = messages.SUCCESS if state in FINISHED else messages.WARNING
        return operation.result % {"state": state.label}, level

    def body_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Send the exact bytes as a file that no browser shows as a page."""
        if not request.user.has_perm(VIEW_PERSONAL_DATA):
            raise PermissionDenied
        shown = self.viewed(request, pk)
        return HttpResponse(
            bytes(shown.body),
            content_type="application/octet-stream",
            headers={
                "Content-Disposition": f'attachment; filename="{shown.token}.body"',
                "X-Content-Type-Options": "nosniff",
            },
        )


def _is_possible(operation: Operation, request: WebhookRequest) -> bool:
    if operation is PROCESS_AGAIN:
        return request.erased_at is None
    if operation is DISCARD_THEM:
        return request.state not in FINISHED
    return requests().filter(ingest.may_call_receivers_again(), pk=request.pk).exists()
