"""System checks of URLs, redirects and hosts: does every event reach the view?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, register
from django.urls import NoReverseMatch

from ..conf.urls import webhook_path
from .messages import OURS, warning


@register(OURS)
def check_urls(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Check for settings that make Django answer before the view: the event is lost."""
    return [*_url(), *_redirects(), *_hosts()]


def _url() -> Iterator[CheckMessage]:
    try:
        webhook_path("secret")
    except NoReverseMatch:
        yield warning(
            2,
            "No URL without parameters leads to the webhook view.",
            'Add path("pickyassist/", include("pickyassist_webhooks.urls")) to urlpatterns, '
            "without a parameter in the path, and in no include() that has an app_name.",
        )


def _redirects() -> Iterator[CheckMessage]:
    installed = getattr(settings, "MIDDLEWARE", ())
    redirects = (
        settings.SECURE_SSL_REDIRECT
        and "django.middleware.security.SecurityMiddleware" in installed
        and not _is_exempt_from_ssl_redirect()
    )
    if redirects:
        yield warning(
            3,
            "SECURE_SSL_REDIRECT redirects requests over plain HTTP, and Picky Assist does not "
            "follow: the event is lost.",
            "Paste an https:// URL and set SECURE_PROXY_SSL_HEADER behind a proxy, or add the "
            "path of the webhook to SECURE_REDIRECT_EXEMPT.",
        )
    if settings.PREPEND_WWW and "django.middleware.common.CommonMiddleware" in installed:
        yield warning(
            4,
            "PREPEND_WWW redirects requests to a host without www., and Picky Assist does not "
            "follow: the event is lost.",
            "Paste a URL whose host begins with www.",
        )


def _is_exempt_from_ssl_redirect() -> bool:
    try:
        path = webhook_path("secret").lstrip("/")
    except NoReverseMatch:
        return True  # there is no URL to redirect
    return any(re.search(pattern, path) for pattern in settings.SECURE_REDIRECT_EXEMPT)


def _hosts() -> Iterator[CheckMessage]:
    if not settings.DEBUG and not settings.ALLOWED_HOSTS:
        yield warning(
            5,
            "ALLOWED_HOSTS is empty and DEBUG is off, so Django answers 400 to every request.",
            "Add the host of the URL that you paste into Picky Assist.",
        )
