"""The actions on the page of a request: each has its own permission and is a POST."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from .. import ingest
from ..choices import RequestState
from ..exceptions import BodyErased, NothingToDiscard, RequestInWork
from ..models import WebhookRequest
from ..models.requests import requests
from ..permissions import VIEW_PERSONAL_DATA
from ..transactions import outside_of_transactions
from .bulk import reason_of
from .diagnosis import DiagnosisAdmin


@dataclass(frozen=True)
class Action:
    """An action on one request. ``result`` is shown afterwards, with ``%(state)s``."""

    name: str
    label: Any
    result: Any
    permission: str
    needs_reason: bool = False
    #: Whether it ends the processing: its button is red.
    is_final: bool = False


#: The message if an action is not possible.
_NOT_POSSIBLE = {
    RequestInWork: _("A worker is processing this request, or no receiver is waiting for a retry."),
    BodyErased: _("The bytes of this request are erased."),
    NothingToDiscard: _("Nothing is left to do for this request."),
}

ACTIONS = (
    Action(
        "replay",
        _("Process again"),
        _("Request processed again: %(state)s."),
        "replay_webhookrequest",
    ),
    Action(
        "retry",
        _("Call failed receivers again"),
        _("Failed receivers called again: %(state)s."),
        "retry_webhookrequest",
    ),
    Action(
        "discard",
        _("Discard"),
        _("Request discarded."),
        "discard_webhookrequest",
        needs_reason=True,
        is_final=True,
    ),
)


class ActionsAdmin(DiagnosisAdmin):
    """The page of a request, with buttons, and with its body to download."""

    change_form_template = "pickyassist_webhooks/admin/request.html"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        action_urls = [
            path(
                f"<int:pk>/{action.name}/",
                view(outside_of_transactions(require_POST(partial(self.carry_out, action)))),
                name=self._page(action.name),
            )
            for action in ACTIONS
        ]
        body = path(
            "<int:pk>/body/",
            view(require_safe(self.body_view)),
            name=self._page("body"),
        )
        return [*action_urls, body, *super().get_urls()]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        shown: WebhookRequest = kwargs["obj"]
        context["request_actions"] = [
            (action, self.url(action.name, shown.pk))
            for action in ACTIONS
            if self._may(request, action) and _is_possible(action, shown)
        ]
        context["diagnosis"] = self.diagnosis(request, shown)
        if request.user.has_perm(VIEW_PERSONAL_DATA) and shown.body:
            context["body_url"] = self.url("body", shown.pk)
        return super().render_change_form(request, context, *args, **kwargs)

    def carry_out(self, action: Action, request: HttpRequest, pk: int) -> HttpResponse:
        """Do it, show the result, and add it to the admin's history."""
        if not self._may(request, action):
            raise PermissionDenied
        shown = self.viewed(request, pk)
        operator = request.user.get_username()
        reason = reason_of(request)
        back = HttpResponseRedirect(self.url("change", pk))
        if action.needs_reason and not reason:
            self.message_user(request, gettext("A reason is needed."), messages.ERROR)
            return back
        try:
            if action.name == "discard":
                state = ingest.discard(pk, operator, reason).state
            else:
                only_failed = action.name == "retry"
                replayed = ingest.replay(pk, operator, only_failed_receivers=only_failed)
                # None: a worker was faster, and does it now.
                state = replayed.state if replayed else RequestState.RECEIVED
        except (RequestInWork, BodyErased, NothingToDiscard) as err:
            self.message_user(request, str(_NOT_POSSIBLE[type(err)]), messages.WARNING)
            return back
        except WebhookRequest.DoesNotExist:
            raise Http404 from None  # deleted or pruned meanwhile
        label = RequestState(state).label
        self.log_change(request, shown, f"{action.label}: {reason or label}")
        is_fine = state in (RequestState.DONE, RequestState.DISCARDED)
        level = messages.SUCCESS if is_fine else messages.WARNING
        self.message_user(request, action.result % {"state": label}, level)
        return back

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

    def _may(self, request: HttpRequest, action: Action) -> bool:
        return request.user.has_perm(f"pickyassist_webhooks.{action.permission}")


def _is_possible(action: Action, request: WebhookRequest) -> bool:
    if action.name == "replay":
        return request.erased_at is None
    if action.name == "discard":
        return request.state not in (RequestState.DONE, RequestState.DISCARDED)
    return requests().filter(ingest.may_call_receivers_again(), pk=request.pk).exists()
