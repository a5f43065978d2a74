"""The URL to paste into Picky Assist. It is a secret: users need a permission and a button."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import NoReverseMatch, URLPattern, path, reverse
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from ..conf import app_settings
from ..models import masking
from ..permissions import VIEW_URL
from .base import ReadOnlyAdmin

#: A placeholder for the secret, until it is masked.
_PLACEHOLDER = "the-secret-is-hidden"


class AddressAdmin(ReadOnlyAdmin):
    """A page with the URLs to paste. No link leads to it: a button posts to it."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(never_cache(self.url_view)))
        return [path("url/", view, name=self._page("url")), *super().get_urls()]

    def url_view(self, request: HttpRequest) -> HttpResponse:
        """Show the URL of each secret."""
        if not request.user.has_perm(VIEW_URL):
            raise PermissionDenied
        return self.page(
            request,
            "url.html",
            gettext("The URL to paste"),
            urls=urls(request),
            ours=app_settings.authenticates_by_secret,
        )


def urls(request: HttpRequest) -> list[tuple[str, str]]:
    """Return label and URL of each secret; none if the project has its own authenticator."""
    labelled = []
    for label, secret in app_settings.secrets if app_settings.authenticates_by_secret else []:
        with suppress(NoReverseMatch):  # no URL leads to the view, or the secret fits into none
            labelled.append((label, _url(request, secret)))
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
