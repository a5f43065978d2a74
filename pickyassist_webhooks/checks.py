"""System checks: a slip in the settings is said before it costs an event."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from difflib import get_close_matches
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.checks import Warning as CheckWarning
from django.urls import NoReverseMatch, reverse
from django.utils.module_loading import import_string

from . import conf
from .conf import KEYS, NAME, app_settings

#: Characters of a secret below which it can be guessed: 128 bits in URL-safe base64.
MIN_SECRET = 22

#: The shipped engines, and the extras of this distribution that bring what they need.
EXTRAS = {
    "pickyassist_webhooks.engines.celery": "celery",
    "pickyassist_webhooks.engines.django_tasks": "django-tasks",
}

_URL_SAFE = re.compile(r"[A-Za-z0-9._~-]+")
_OURS = "pickyassist_webhooks"


@register(_OURS)
def check_settings(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Check the ``PICKYASSIST_WEBHOOKS`` dict."""
    return [*_shape(), *_secrets(), *_importable(), *_spool(), *_retention(), *_api()]


@register(_OURS)
def check_nothing_answers_before(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Check for settings under which Django answers in place of the view: the event is lost."""
    return [*_url(), *_redirects(), *_hosts()]


def _error(number: int, message: str, hint: str) -> Error:
    return Error(message, hint=hint, id=f"{_OURS}.E{number:03}")


def _warning(number: int, message: str, hint: str) -> CheckWarning:
    return CheckWarning(message, hint=hint, id=f"{_OURS}.W{number:03}")


def _shape() -> Iterator[CheckMessage]:
    value = getattr(settings, NAME, None)
    if value is not None and value is not conf.configured():
        kind = type(value).__name__
        yield _error(2, f"{NAME} should be a dict, it is a {kind}.", f"Write {NAME} = {{...}}.")
    for name, value in conf.configured().items():
        if name not in KEYS:
            close = get_close_matches(str(name), KEYS, n=1)
            hint = f"Did you mean {close[0]}?" if close else f"Known keys: {', '.join(KEYS)}."
            yield _error(3, f"{NAME} has an unknown key {name!r}.", hint)
        elif not KEYS[name].accepts(value):
            # Not the value itself: it may be a secret.
            inside = " with something else in it" if isinstance(value, list | tuple | dict) else ""
            came = f"a {type(value).__name__}{inside}"
            message = f"{NAME}[{name!r}] is not what it should be: {came} came."
            yield _error(4, message, f"Expected {KEYS[name].expected}.")


def _secrets() -> Iterator[CheckMessage]:
    if not app_settings.authenticates_by_secret:
        return  # whatever it takes for a secret is its own affair
    secrets = app_settings.secrets
    if not secrets:
        yield _error(
            1,
            f"{NAME}['SECRETS'] holds no secret, so every request is refused.",
            'Make one: python -c "import secrets; print(secrets.token_urlsafe(32))".',
        )
    for label, secret in secrets:
        which = f"the secret labelled {label!r}" if label else "a secret"
        if not _URL_SAFE.fullmatch(secret):
            yield _error(
                5,
                f"In {NAME}['SECRETS'], {which} does not fit into a URL as it is.",
                "Use only letters, digits, and - . _ ~",
            )
        if len(secret) < MIN_SECRET:
            yield _warning(
                1,
                f"In {NAME}['SECRETS'], {which} has only {len(secret)} characters.",
                f"Nothing but the secret protects the URL: use {MIN_SECRET} characters or more, "
                "such as secrets.token_urlsafe(32) makes.",
            )


def _importable() -> Iterator[CheckMessage]:
    paths = {"AUTHENTICATOR": app_settings.authenticator}
    if app_settings.processor not in ("inline", "none"):
        paths["PROCESSOR"] = app_settings.processor
    for number, (name, path) in zip((6, 7), paths.items(), strict=False):
        try:
            target = import_string(path)
        except Exception as err:  # a module may raise anything while it is imported
            extra = EXTRAS.get(path.rpartition(".")[0]) if name == "PROCESSOR" else None
            yield _error(
                number,
                f"{NAME}[{name!r}] cannot be imported: {type(err).__name__}: {err}.",
                f'Install it: pip install "django-pickyassist-webhooks[{extra}]".'
                if extra and isinstance(err, ModuleNotFoundError)
                else f"Expected {KEYS[name].expected}.",
            )
        else:
            if name == "AUTHENTICATOR" and iscoroutinefunction(target):
                yield _error(
                    number,
                    f"{NAME}[{name!r}] names an async function, and nobody would wait for it.",
                    "Name a plain function that returns a label or raises PermissionDenied.",
                )
            if not callable(target):
                yield _error(
                    number,
                    f"{NAME}[{name!r}] names a {type(target).__name__}, which cannot be called.",
                    "Name a function.",
                )


def _spool() -> Iterator[CheckMessage]:
    folder = app_settings.spool_dir
    if folder is None:
        return
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        yield _error(
            8,
            f"{NAME}['SPOOL_DIR'] is {str(folder)!r}, where this user cannot write files.",
            "Name a folder on a disk that outlives the container, and give it to this user.",
        )
    for name in ("MEDIA_ROOT", "STATIC_ROOT"):
        served = getattr(settings, name, None)
        if served and folder.absolute().is_relative_to(Path(served).absolute()):
            yield _error(
                9,
                f"{NAME}['SPOOL_DIR'] lies in {name}, whose files anybody can download.",
                "Name a folder that no web server serves: requests hold personal data.",
            )


def _retention() -> Iterator[CheckMessage]:
    bodies, events = map(app_settings.retention, ("bodies", "events"))
    if events and (bodies is None or bodies > events):
        yield _warning(
            6,
            f"By {NAME}['RETENTION_DAYS'] bodies are kept longer than events, so that processing "
            "an old request again brings its events back, as new ones.",
            'Keep "bodies" at most as many days as "events".',
        )


def _api() -> Iterator[CheckMessage]:
    try:
        reverse("pickyassist_webhooks_api:request-list")
    except NoReverseMatch:
        return  # this project does without it
    missing = [app for app in ("rest_framework", "django_filters") if not apps.is_installed(app)]
    if missing:
        yield _error(
            10,
            f"The read API has URLs, but INSTALLED_APPS lacks {' and '.join(missing)}, whose "
            "templates its pages in a browser are made of.",
            f"Add to INSTALLED_APPS: {', '.join(map(repr, missing))}.",
        )


def _url() -> Iterator[CheckMessage]:
    try:
        reverse("pickyassist_webhooks:events", args=["secret"])
    except NoReverseMatch:
        yield _warning(
            2,
            "No URL of this project leads to the webhook view.",
            'Add path("pickyassist/", include("pickyassist_webhooks.urls")) to the urlpatterns.',
        )


def _redirects() -> Iterator[CheckMessage]:
    installed = getattr(settings, "MIDDLEWARE", ())
    redirects = (
        settings.SECURE_SSL_REDIRECT
        and "django.middleware.security.SecurityMiddleware" in installed
        and not _is_exempt_from_ssl_redirect()
    )
    if redirects:
        yield _warning(
            3,
            "SECURE_SSL_REDIRECT redirects what comes over plain HTTP, and Picky Assist does "
            "not follow: the event is lost.",
            "Paste an https:// URL and set SECURE_PROXY_SSL_HEADER behind a proxy, or add the "
            "path of the webhook to SECURE_REDIRECT_EXEMPT.",
        )
    if settings.PREPEND_WWW and "django.middleware.common.CommonMiddleware" in installed:
        yield _warning(
            4,
            "PREPEND_WWW redirects what comes to a host without www., and Picky Assist does not "
            "follow: the event is lost.",
            "Paste a URL whose host begins with www.",
        )


def _is_exempt_from_ssl_redirect() -> bool:
    try:
        path = reverse("pickyassist_webhooks:events", args=["secret"]).lstrip("/")
    except NoReverseMatch:
        return True  # there is nothing to be redirected
    return any(re.search(pattern, path) for pattern in settings.SECURE_REDIRECT_EXEMPT)


def _hosts() -> Iterator[CheckMessage]:
    if not settings.DEBUG and not settings.ALLOWED_HOSTS:
        yield _warning(
            5,
            "ALLOWED_HOSTS is empty and DEBUG is off, so Django answers 400 to every request.",
            "Add the host of the URL that is pasted into Picky Assist.",
        )
