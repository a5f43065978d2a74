"""The URLs of the webhook view, and URLs to post to."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Iterable
from urllib.parse import SplitResult, urlsplit

from django.core.management.base import CommandError
from django.urls import NoReverseMatch, get_script_prefix

from ..conf import app_settings
from ..conf.urls import webhook_path


def base_url(text: str) -> str:
    """Return the base URL of a project. Raise ``ArgumentTypeError`` if it is invalid."""
    parts = _parts(text)
    if parts is None or parts.query or parts.fragment:
        raise ArgumentTypeError(f"expected a URL such as https://your.host, not {text!r}")
    return text


def webhook_urls(base: str, secrets: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the URL of each secret by its label, below the base URL of the project.

    In a list no secret has a label: the first has a blank one, the second is ``secret 2``.

    Raise ``CommandError`` if an ``AUTHENTICATOR`` is set, or if no URL leads to the view.
    """
    if not app_settings.authenticates_by_secret:
        raise CommandError(
            f"AUTHENTICATOR is {app_settings.authenticator!r}: this command cannot know "
            "its secrets. Your webhook URL ends in /events/<secret>/."
        )
    try:
        paths = {
            label or ("" if number == 1 else f"secret {number}"): webhook_path(secret)
            for number, (label, secret) in enumerate(secrets, 1)
        }
    except NoReverseMatch as err:
        if any("/" in secret for _, secret in secrets):
            raise CommandError("A secret has a /, which its URL cannot have.") from None
        raise CommandError(
            "No URL leads to the webhook view; add "
            'path("pickyassist/", include("pickyassist_webhooks.urls")) to your urls.py.'
        ) from err
    parts = urlsplit(base)
    # The base URL of a project below a path can name that path, which is in each URL already.
    above = parts.path.rstrip("/").removesuffix(get_script_prefix().rstrip("/"))
    return {label: parts._replace(path=above + path).geturl() for label, path in paths.items()}


def address(url: str) -> SplitResult:
    """Return the parts of a URL to post to; without a path, use that of the first secret.

    Raise ``CommandError`` if the URL is invalid or there is no secret.
    """
    parts = _parts(url)
    if parts is None or not url.isascii() or not url.isprintable() or " " in url:
        raise CommandError(
            "Expected a URL such as http://127.0.0.1:8000 or a complete webhook URL. The invalid "
            "text is not shown, because it can contain a secret."
        )
    if parts.path in ("", "/"):
        urls = list(webhook_urls(f"{parts.scheme}://{parts.netloc}", app_settings.secrets).values())
        if not urls:
            raise CommandError("SECRETS is empty; run pickyassist_setup to create a secret.")
        return urlsplit(urls[0])
    return parts


def _parts(url: str) -> SplitResult | None:
    """Return the parts of an HTTP URL with a host, or ``None``."""
    try:
        parts = urlsplit(url)
        is_valid = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # an invalid port, half an IPv6 address
        return None
    return parts if is_valid else None
