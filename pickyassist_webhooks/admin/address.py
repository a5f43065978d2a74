"""The URL to paste into Picky Assist, the test events that are posted to it, and their removal.

The URL is a secret: users need a permission and a button.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any
from uuid import UUID, uuid4

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import QuerySet
from django.forms import Media
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import NoReverseMatch, URLPattern
from django.utils.text import capfirst
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_POST, require_safe

from ..choices import UNFINISHED, WAITING, RequestState
from ..conf import app_settings
from ..conf.urls import webhook_path
from ..models import (
    MODELS,
    DeliveryReport,
    Message,
    ReceiverFailure,
    WebhookRequest,
    keys,
    masking,
)
from ..models.requests import TEST_MARKER, requests
from ..models.together import counts_of
from ..permissions import VIEW_URL, to_delete
from ..privacy import removal
from .badges import MARKED, has_tests
from .base import ReadOnlyAdmin
from .labels import grouped

#: A placeholder for the secret, until it is masked.
_PLACEHOLDER = "the-secret-is-hidden"

#: The part of the ids of samples that is new for each test.
MARK = "MARK"


class AddressAdmin(ReadOnlyAdmin):
    """Pages of the URLs to paste and of test events. No link leads to the URLs: a button posts."""

    def get_urls(self) -> list[URLPattern]:
        return [
            self.route("url/", require_POST(self.url_view), "url"),
            self.route("tests/", self.tests_view, "tests"),
            self.route("tests/<uuid:token>/", require_safe(self.test_view), "test"),
            *super().get_urls(),
        ]

    def tools(self, request: HttpRequest) -> list[tuple[Any, str]]:
        tools = super().tools(request)
        if has_tests(request, self.model) and may_remove(request):
            tools.append((gettext("Remove test events"), self.url("tests")))
        return tools

    def url_view(self, request: HttpRequest) -> HttpResponse:
        """Show the URL of each secret."""
        if not request.user.has_perm(VIEW_URL):
            raise PermissionDenied
        addresses = urls(request)
        curl_sample = _samples(uuid4().hex[:8].upper(), addresses[0][-1])[0] if addresses else {}
        return self.page(
            request,
            "url.html",
            gettext("The URL to paste"),
            urls=[
                (label, url, json.dumps(_samples(MARK, project), cls=DjangoJSONEncoder))
                for label, url, project in addresses
            ],
            ours=app_settings.authenticates_by_secret,
            marker=TEST_MARKER,
            curl_sample=json.dumps(curl_sample.get("payload")),
            tests_url=self.url("tests"),
            may_view=self.has_view_permission(request),
            may_remove=may_remove(request),
            media=self.media + Media(js=["pickyassist_webhooks/url.js"]),
        )

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
            links += self._links(request, rows, test)
        reports = DeliveryReport.objects.using(test._state.db).filter(request=test)
        for identity in reports.values_list("project_id", "msg_id")[:1]:
            message = Message.objects.using(test._state.db).filter(key=keys.message(*identity))
            links += self._links(request, message, test)
        return JsonResponse(
            {
                "pending": test.state in WAITING,
                "failed": test.state in (RequestState.FAILING, RequestState.DEAD),
                "state": test.get_state_display(),
                "links": [{"text": capfirst(text), "url": url} for text, url in links],
            }
        )

    def _links(
        self, request: HttpRequest, rows: QuerySet[Any], test: WebhookRequest
    ) -> list[tuple[str, str]]:
        """Return a link to a row, or to the list of several."""
        model, pks = rows.model, list(rows.values_list("pk", flat=True)[:2])
        if len(pks) == 1:
            name, url = model._meta.verbose_name, self.url_of(request.user, model, pks[0])
        else:
            name = model._meta.verbose_name_plural
            url = self.url_of(request.user, model, request=test.pk)
        return [(str(name), url)] if pks and url else []

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


def _samples(mark: str, project_id: str | None) -> list[dict[str, Any]]:
    """Return name and payload of each sample. A script replaces ``MARK`` before each test."""
    # It loads Django's test client, which no other page needs.
    from ..testing.samples import samples

    made = samples(mark, project_id)
    return [{"name": capfirst(name), "payload": payload} for name, payload in made]


def urls(request: HttpRequest) -> list[tuple[str, str, str | None]]:
    """Return label, URL and a project of each secret; none if ``AUTHENTICATOR`` is a callable."""
    secrets = app_settings.secrets if app_settings.authenticates_by_secret else []
    urls = [(label, _url(request, secret)) for label, secret in secrets]
    return [(label, url, app_settings.project_of(label)) for label, url in urls if url]


def hidden_url(request: HttpRequest) -> str:
    """Return the URL with its secret masked, or nothing if no URL leads to the view."""
    return _url(request, _PLACEHOLDER).replace(_PLACEHOLDER, masking.HIDDEN)


def _url(request: HttpRequest, secret: str) -> str:
    """Return the URL of a secret, or nothing if none leads to the view or has room for it."""
    try:
        return request.build_absolute_uri(webhook_path(secret))
    except NoReverseMatch:
        return ""
