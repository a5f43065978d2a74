"""The quarantine: requests grouped by their problem, and a page to process a group again."""

from __future__ import annotations

import time
from typing import Any

from django.contrib import messages
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils.text import capfirst
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_http_methods, require_safe

from ..choices import RequestState
from ..insights import quarantine
from ..models.requests import WebhookRequestQuerySet, requests
from ..parsing.characters import visible
from ..transactions import outside_of_transactions
from .expectations import expected
from .labels import grouped, to_the_second
from .replaying import ReplayingAdmin
from .text import breakable, shortened

#: Seconds of processing for which browsers and proxies wait.
SECONDS = 10.0

_SALT = "pickyassist_webhooks.problem"

#: Ids read at once of a group's requests.
_CHUNK = 1000


class ProblemsAdmin(ReplayingAdmin):
    """A page of all problems, and one to process all requests of a problem again."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        replay = outside_of_transactions(
            require_http_methods(["GET", "HEAD", "POST"])(self.group_view)
        )
        return [
            path("problems/", view(require_safe(self.problems_view)), name=self._page("problems")),
            path("problems/<int:pk>/", view(replay), name=self._page("problem")),
            *super().get_urls(),
        ]

    def tools(self, request: HttpRequest) -> list[tuple[Any, str]]:
        return [(gettext("Quarantine"), self.url("problems")), *super().tools(request)]

    def problems_view(self, request: HttpRequest) -> HttpResponse:
        """List the problems, the latest first, and the unknown fields."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        groups = [
            {
                "code": group.code,
                "path": breakable(group.path or gettext("the whole body")),
                "expected": expected(group.sample),
                "kind": capfirst(group.kind) or gettext("unknown"),
                "quarantined": grouped(group.quarantined),
                "count": grouped(group.count),
                "first_at": to_the_second(group.first_at),
                "last_at": to_the_second(group.last_at),
                "url": f"{self.url('changelist')}?problem_of={group.newest}",
                "replay_url": self.url("problem", group.newest),
            }
            for group in quarantine.groups()
        ]
        fields = [
            {
                "kind": field.kind,
                "name": shortened(field.name),
                "count": grouped(field.count),
                "first_at": to_the_second(field.first_at),
                "last_at": to_the_second(field.last_at),
            }
            for field in quarantine.new_fields()
        ]
        return self.page(
            request,
            "problems.html",
            title=gettext("Quarantine"),
            groups=groups,
            fields=[] if self.masks(request) else fields,
            hidden_fields=len(fields) if self.masks(request) else 0,
            sample=grouped(quarantine.SAMPLE),
            may_replay=self.has_replay_permission(request),
        )

    def group_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show how many requests have the problem of this one, then process them again."""
        if not (self.has_view_permission(request) and self.has_replay_permission(request)):
            raise PermissionDenied
        problem = _signed(request.POST.get("problem", ""))
        if problem is None:
            problem = requests().filter(pk=pk).values_list("problem", flat=True).first()
        if problem is None:
            raise Http404
        after = _number(request.POST.get("after"))
        group = _of(problem).filter(pk__gt=after)
        if request.method == "POST":
            ends = time.monotonic() + SECONDS
            pks = group.order_by("pk").values_list("pk", flat=True)[:_CHUNK]
            last = self.replay(request, list(pks), lambda: time.monotonic() > ends)
            after = last or after
            group = _of(problem).filter(pk__gt=after)
            if not group.exists():
                return HttpResponseRedirect(self.url("problems"))
        count = group.count()
        if request.method == "POST":
            left = ngettext("%(count)s is left.", "%(count)s are left.", count)
            self.message_user(request, left % {"count": grouped(count)}, messages.INFO)
        return self.page(
            request,
            "replay.html",
            title=gettext("Process again"),
            problem=visible(problem),
            # The request of the URL may be deleted or done before the last one is.
            signed=signing.dumps(problem, salt=_SALT),
            count=count,
            after=after,
            back=self.url("problems"),
        )


def _signed(text: str) -> str | None:
    try:
        return str(signing.loads(text, salt=_SALT)) if text else None
    except signing.BadSignature:
        return None


def _of(problem: str) -> WebhookRequestQuerySet:
    # If a part of a batch was valid, the rest may be valid now.
    states = (RequestState.QUARANTINED, RequestState.DONE)
    return requests().filter(problem=problem, state__in=states, erased_at=None)


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 19 else 0
