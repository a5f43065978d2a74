"""What can be done with one request from its page: each by a permission and a POST of its own."""

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
from ..permissions import VIEW_PERSONAL_DATA
from ..transactions import outside_of_transactions
from .base import ReadOnlyAdmin

#: Characters of a reason.
MAX_REASON = 200


@dataclass(frozen=True)
class Deed:
    """Something that can be done with a request: what it is called and who may do it."""

    name: str
    label: Any
    permission: str
    needs_reason: bool = False


#: What is said where it could not be done.
_WHY_NOT = {
    RequestInWork: _("A worker holds this request, or none of its receivers waits to be called."),
    BodyErased: _("The bytes of this request are erased."),
    NothingToDiscard: _("Nothing is left to be done about this request."),
}

DEEDS = (
    Deed("replay", _("Process again"), "replay_webhookrequest"),
    Deed("retry", _("Call failed receivers again"), "retry_webhookrequest"),
    Deed("discard", _("Discard"), "discard_webhookrequest", needs_reason=True),
)


class DeedsAdmin(ReadOnlyAdmin):
    """The page of a request, with buttons, and with its body to download."""

    change_form_template = "pickyassist_webhooks/admin/request.html"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        deeds = [
            path(
                f"<int:pk>/{deed.name}/",
                view(outside_of_transactions(require_POST(partial(self.carry_out, deed)))),
                name=self._page(deed.name),
            )
            for deed in DEEDS
        ]
        body = path(
            "<int:pk>/body/",
            view(require_safe(self.body_view)),
            name=self._page("body"),
        )
        return [*deeds, body, *super().get_urls()]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        shown: WebhookRequest = kwargs["obj"]
        context["deeds"] = [
            (deed, self.url(deed.name, shown.pk))
            for deed in DEEDS
            if self._may(request, deed) and _is_possible(deed, shown)
        ]
        if request.user.has_perm(VIEW_PERSONAL_DATA) and shown.body:
            context["body_url"] = self.url("body", shown.pk)
        return super().render_change_form(request, context, *args, **kwargs)

    def carry_out(self, deed: Deed, request: HttpRequest, pk: int) -> HttpResponse:
        """Do it, say what became of it, and keep who did it in the admin's history."""
        if not self._may(request, deed):
            raise PermissionDenied
        found = self.viewed(request, pk)
        who = request.user.get_username()
        reason = request.POST.get("reason", "").strip()[:MAX_REASON]
        back = HttpResponseRedirect(self.url("change", pk))
        if deed.needs_reason and not reason:
            self.message_user(request, gettext("A reason is needed."), messages.ERROR)
            return back
        try:
            if deed.name == "discard":
                state = ingest.discard(pk, who, reason).state
            else:
                done = ingest.replay(pk, who, only_failed_receivers=deed.name == "retry")
                # None: a worker was faster, and is doing what was asked for.
                state = done.state if done else RequestState.RECEIVED
        except (RequestInWork, BodyErased, NothingToDiscard) as err:
            self.message_user(request, f"{deed.label}: {_WHY_NOT[type(err)]}", messages.WARNING)
            return back
        except WebhookRequest.DoesNotExist:
            raise Http404 from None  # deleted, or pruned, since it was shown
        label = RequestState(state).label
        self.log_change(request, found, f"{deed.label}: {reason or label}")
        fine = state in (RequestState.DONE, RequestState.DISCARDED)
        level = messages.SUCCESS if fine else messages.WARNING
        self.message_user(request, f"{deed.label}: {label}.", level)
        return back

    def body_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Send the exact bytes as a file, which no browser takes for a page."""
        if not request.user.has_perm(VIEW_PERSONAL_DATA):
            raise PermissionDenied
        found = self.viewed(request, pk)
        return HttpResponse(
            bytes(found.body),
            content_type="application/octet-stream",
            headers={
                "Content-Disposition": f'attachment; filename="{found.token}.body"',
                "X-Content-Type-Options": "nosniff",
            },
        )

    def _may(self, request: HttpRequest, deed: Deed) -> bool:
        return request.user.has_perm(f"pickyassist_webhooks.{deed.permission}")


def _is_possible(deed: Deed, request: WebhookRequest) -> bool:
    if deed.name == "replay":
        return request.erased_at is None
    if deed.name == "discard":
        return request.state not in (RequestState.DONE, RequestState.DISCARDED)
    return ingest.requests().filter(ingest.may_call_receivers_again(), pk=request.pk).exists()
