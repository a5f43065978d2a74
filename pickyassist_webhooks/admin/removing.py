"""Test events: the rows that one made, and the removal of all of them."""

from __future__ import annotations

from collections import Counter
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import URLPattern
from django.utils.text import capfirst
from django.utils.translation import gettext, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from ..choices import UNFINISHED, WAITING
from ..models import MODELS, DeliveryReport, Message, ReceiverFailure, WebhookRequest, keys
from ..models.requests import requests
from ..models.together import counts_of
from ..permissions import to_delete, to_view
from ..privacy import removal
from .badges import MARKED, has_tests
from .base import ReadOnlyAdmin
from .labels import grouped


class RemovingAdmin(ReadOnlyAdmin):
    def get_urls(self) -> list[URLPattern]:
        test = require_safe(never_cache(self.test_view))
        return [
            self.route("tests/", never_cache(self.tests_view), "tests"),
            self.route("tests/<uuid:token>/", test, "test"),
            *super().get_urls(),
        ]

    def tools(self, request: HttpRequest) -> list[tuple[Any, str]]:
        tools = super().tools(request)
        if has_tests(request, self.model) and may_remove(request):
            tools.append((gettext("Remove test events"), self.url("tests")))
        return tools

    def test_view(self, request: HttpRequest, token: UUID) -> HttpResponse:
        """Return links to the rows that a test made, and whether a worker must still process it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        test = requests().tests().filter(token=token).defer(*self.large).first()
        if test is None:
            raise Http404  # still in the spool
        links = [(gettext("request"), self.url("change", test.pk))]
        models: list[Any] = [*MODELS.values(), ReceiverFailure]
        for model in models:
            rows = model._default_manager.using(test._state.db).filter(request=test)
            links += self._links(request, model, list(rows.values_list("pk", flat=True)[:2]), test)
        reports = DeliveryReport.objects.using(test._state.db).filter(request=test)
        for identity in reports.values_list("project_id", "msg_id")[:1]:
            message = Message.objects.using(test._state.db).filter(key=keys.message(*identity))
            links += self._links(request, Message, list(message.values_list("pk", flat=True)), test)
        return JsonResponse(
            {
                "pending": test.state in WAITING,
                "state": test.get_state_display(),
                "links": [{"text": capfirst(text), "url": url} for text, url in links],
            }
        )

    def _links(
        self, request: HttpRequest, model: Any, pks: list[int], test: WebhookRequest
    ) -> list[tuple[str, str]]:
        """Return a link to a row, or to the list of several."""
        is_visible = self.admin_site.is_registered(model) and request.user.has_perm(to_view(model))
        if not (pks and is_visible):
            return []
        admin: Any = self.admin_site.get_model_admin(model)
        if len(pks) == 1:
            return [(str(model._meta.verbose_name), admin.url("change", pks[0]))]
        url = f"{admin.url('changelist')}?request={test.pk}"
        return [(str(model._meta.verbose_name_plural), url)]

    def tests_view(self, request: HttpRequest) -> HttpResponse:
        """Show how many rows the tests made, then delete them."""
        if not may_remove(request):
            raise PermissionDenied
        pks = removal.oldest()
        if request.method == "POST":
            self._remove(request, pks)
            return HttpResponseRedirect(self.url("changelist"))
        counts: Counter[Any] = Counter()
        made = list(removal.rows_of(pks)) if pks else []
        for rows, count in zip(made, counts_of(made), strict=True):
            counts[rows.model] += count
        return self.page(
            request,
            "tests.html",
            gettext("Remove test events"),
            counts=[
                (capfirst(model._meta.verbose_name_plural), grouped(counts[model]))
                for model in MARKED
                if counts[model]
            ],
            count=len(pks),
            unfinished=requests().tests().filter(state__in=UNFINISHED).count(),
            most=removal.MOST,
            is_cut=len(pks) == removal.MOST,
            back=self.url("changelist"),
        )

    def _remove(self, request: HttpRequest, pks: list[int]) -> None:
        if not pks:
            nothing = gettext("There are no test events to remove.")
            self.message_user(request, nothing, messages.WARNING)
            return
        self.log_deletions(request, requests().filter(pk__in=pks).defer(*self.large))
        removal.remove(pks)
        removed = ngettext(
            "%(count)s test request was removed, with its events.",
            "%(count)s test requests were removed, with their events.",
            len(pks),
        )
        self.message_user(request, removed % {"count": grouped(len(pks))}, messages.SUCCESS)


def may_remove(request: HttpRequest) -> bool:
    """Tell whether the user may delete rows of each model that can have some of a test."""
    return all(request.user.has_perm(to_delete(model)) for model in MARKED)
