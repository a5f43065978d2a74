"""The quarantine: requests grouped by their problem, and pages to work on a group."""

from __future__ import annotations

from typing import Any

from django.core import signing
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_safe

from ..insights import quarantine
from ..models.requests import requests
from ..parsing.characters import visible
from ..transactions import outside_of_transactions
from .bulk import BulkAdmin
from .labels import grouped
from .operations import DISCARD_THEM, PROCESS_AGAIN, Operation

_SALT = "pickyassist_webhooks.problem"


class ProblemsAdmin(BulkAdmin):
    """A page of all problems, and pages to process the requests of one again or discard them."""

    def get_urls(self) -> list[URLPattern]:
        group = outside_of_transactions(
            require_http_methods(["GET", "HEAD", "POST"])(self.group_view)
        )
        again, discard = {"operation": PROCESS_AGAIN}, {"operation": DISCARD_THEM}
        return [
            self.route("problems/", require_safe(self.problems_view), "problems"),
            self.route("problems/<int:pk>/", group, "problem", again),
            self.route("problems/<int:pk>/discard/", group, "problem_discard", discard),
            *super().get_urls(),
        ]

    def tools(self, request: HttpRequest) -> list[tuple[Any, str]]:
        return [(gettext("Quarantine"), self.url("problems")), *super().tools(request)]

    def problems_view(self, request: HttpRequest) -> HttpResponse:
        """List the problems, the latest first, and the unknown fields."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        fields, is_masked = quarantine.new_fields(), bool(self.masks(request.user))
        return self.page(
            request,
            "problems.html",
            title=gettext("Quarantine"),
            groups=quarantine.groups(),
            fields=[] if is_masked else fields,
            hidden_fields=len(fields) if is_masked else 0,
            sample=grouped(quarantine.SAMPLE),
            may_replay=self.has_replay_permission(request),
            may_discard=self.has_discard_permission(request),
        )

    def group_view(self, request: HttpRequest, pk: int, operation: Operation) -> HttpResponse:
        """Show how many requests have the problem of this one, then work on them."""
        may_do = request.user.has_perm(operation.permission)
        if not (self.has_view_permission(request) and may_do):
            raise PermissionDenied
        problem = _signed(request.POST.get("problem", ""))
        if problem is None:
            problem = requests().filter(pk=pk).values_list("problem", flat=True).first()
        if problem is None:
            raise Http404
        page = self.ask_first(
            request,
            requests().filter(quarantine.AGAIN, problem=problem),
            operation,
            problem=visible(problem),
            # The request of the URL may be deleted or done before the last one is.
            signed=signing.dumps(problem, salt=_SALT),
            back=self.url("problems"),
        )
        return page or HttpResponseRedirect(self.url("problems"))


def _signed(text: str) -> str | None:
    try:
        return str(signing.loads(text, salt=_SALT)) if text else None
    except signing.BadSignature:
        return None
