"""The URLs of the webhook view, and where they lead."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from django.core.management.base import CommandError
from django.urls import NoReverseMatch, reverse

from ..conf import app_settings


def base_url(text: str) -> str:
    """Return the URL that a project is served at. Raises ``ArgumentTypeError``."""
    try:
        parts = urlsplit(text)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ArgumentTypeError(f"expected a URL such as https://your.host, came {text!r}")
    return text


def webhook_urls(base: str, secrets: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the URL of each secret by its label, below where the project is served.

    Raises ``CommandError`` where an ``AUTHENTICATOR`` decides, or no URL leads to the view.
    """
    if not app_settings.authenticates_by_secret:
        raise CommandError(
            f"AUTHENTICATOR is {app_settings.authenticator!r}: only your project knows which "
            "secrets it accepts; the URL ends in /events/<secret>/."
        )
    try:
        paths = {
            label: reverse("pickyassist_webhooks:events", args=[secret])
            for label, secret in secrets
        }
    except NoReverseMatch as err:
        raise CommandError(
            "No URL leads to the view; add "
            'path("pickyassist/", include("pickyassist_webhooks.urls")) to your urls.py.'
        ) from err
    return {label: base.rstrip("/") + path for label, path in paths.items()}


def address(url: str) -> SplitResult:
    """Return the parts of a URL to post to; without a path it is that of the first secret.

    Raises ``CommandError`` where it is no URL of a web server, or there is no secret.
    """
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is none, half an IPv6 address
        known = False
    if not known or not url.isascii() or not url.isprintable() or " " in url:
        raise CommandError(
            "Expected a URL such as http://127.0.0.1:8000 or the whole of a webhook URL, came "
            "another text; it is not shown, as it may hold a secret."
        )
    if parts.path in ("", "/"):
        urls = list(webhook_urls(f"{parts.scheme}://{parts.netloc}", app_settings.secrets).values())
        if not urls:
            raise CommandError(
                "Expected a secret in SECRETS, there is none; run pickyassist_setup."
            )
        return urlsplit(urls[0])
    return parts


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine by its very name, whatever a name server says."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
