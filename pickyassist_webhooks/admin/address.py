"""The URL to paste into Picky Assist. It is a secret: users need a permission and a button."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any
from uuid import uuid4

from django.core.exceptions import PermissionDenied
from django.core.serializers.json import DjangoJSONEncoder
from django.forms import Media
from django.http import HttpRequest, HttpResponse
from django.urls import NoReverseMatch, URLPattern, reverse
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from ..conf import app_settings
from ..models import masking
from ..models.requests import TEST_MARKER
from ..permissions import VIEW_URL
from .base import ReadOnlyAdmin
from .removing import may_remove

#: A placeholder for the secret, until it is masked.
_PLACEHOLDER = "the-secret-is-hidden"

#: The part of the ids of samples that is new for each test.
MARK = "MARK"


class AddressAdmin(ReadOnlyAdmin):
    """A page with the URLs to paste. No link leads to it: a button posts to it."""

    def get_urls(self) -> list[URLPattern]:
        view = require_POST(never_cache(self.url_view))
        return [self.route("url/", view, "url"), *super().get_urls()]

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


def _samples(mark: str, project_id: str | None) -> list[dict[str, Any]]:
    """Return name and payload of each sample. A script replaces ``MARK`` before each test."""
    # It loads Django's test client, which no other page needs.
    from ..testing.samples import samples

    made = samples(mark, project_id)
    return [{"name": capfirst(name), "payload": payload} for name, payload in made]


def urls(request: HttpRequest) -> list[tuple[str, str, str | None]]:
    """Return label, URL and a project of each secret; none if ``AUTHENTICATOR`` is a callable."""
    labelled = []
    for label, secret in app_settings.secrets if app_settings.authenticates_by_secret else []:
        with suppress(NoReverseMatch):  # no URL leads to the view, or the secret fits into none
            labelled.append((label, _url(request, secret), app_settings.project_of(label)))
    return labelled


def hidden_url(request: HttpRequest) -> str:
    """Return the URL with its secret masked, or nothing if no URL leads to the view."""
    try:
        return _url(request, _PLACEHOLDER).replace(_PLACEHOLDER, masking.HIDDEN)
    except NoReverseMatch:
        return ""


def _url(request: HttpRequest, secret: str) -> str:
    path: Any = reverse("pickyassist_webhooks:events", args=[secret])
    return request.build_absolute_uri(path)
