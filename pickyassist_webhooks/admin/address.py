"""The URL to paste into Picky Assist, which is a secret: shown to whoever may see it and asks."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import NoReverseMatch, URLPattern, path, reverse
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from .. import masking
from ..conf import app_settings
from ..permissions import VIEW_URL
from .base import ReadOnlyAdmin

#: What stands for a secret until it is hidden.
_PLACE = "the-secret-is-hidden"


class AddressAdmin(ReadOnlyAdmin):
    """A page with the URLs to paste, which no link leads to: it is asked for by a button."""

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
    """Return label and URL of each secret; none where an authenticator of the project's decides."""
    found = []
    for label, secret in app_settings.secrets if app_settings.authenticates_by_secret else []:
        with suppress(NoReverseMatch):  # no URL leads to the view, or the secret fits into none
            found.append((label, _url(request, secret)))
    return found


def hidden_url(request: HttpRequest) -> str:
    """Return the URL with its secret hidden, or nothing where no URL leads to the view."""
    try:
        return _url(request, _PLACE).replace(_PLACE, masking.HIDDEN)
    except NoReverseMatch:
        return ""


def _url(request: HttpRequest, secret: str) -> str:
    path: Any = reverse("pickyassist_webhooks:events", args=[secret])
    return request.build_absolute_uri(path)
