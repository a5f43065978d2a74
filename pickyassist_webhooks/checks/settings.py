"""System checks of the settings: they report a mistake before it costs an event."""

from __future__ import annotations

import reprlib
from collections.abc import Iterator
from difflib import get_close_matches
from importlib.util import find_spec
from inspect import iscoroutinefunction
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, register
from django.db import connections
from django.urls import NoReverseMatch, reverse
from django.utils.module_loading import import_string

from .. import conf
from ..conf import KEYS, NAME, app_settings
from ..models.requests import database_of_requests
from .messages import OURS, error, warning
from .secrets import of_secrets
from .spool import of_spool

#: The shipped callable of ``ALARM``.
_MAIL_ADMINS = "pickyassist_webhooks.alarms.mail_admins"

#: The shipped engines, and the extras of this distribution that install their dependencies.
EXTRAS = {
    "pickyassist_webhooks.engines.celery": "celery",
    "pickyassist_webhooks.engines.django_tasks": "django-tasks",
}

#: Seconds that a pool may wait for a connection, and psycopg's own default.
MAX_POOL_TIMEOUT = 10
_POOL_TIMEOUT = 30

# The settings that name a function with a result, and that result.
_RETURNS = {
    "AUTHENTICATOR": "a label or raises PermissionDenied",
    "SPOOL_SCOPE": "the name of the current tenant",
    "API_TOKENS": "the token of a project",
    "ALARM": "nothing",
    "PROCESSOR": "nothing",
}


@register(OURS)
def check_settings(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Check the ``PICKYASSIST_WEBHOOKS`` dict."""
    ours = (_label, _shape, of_secrets, _importable, of_spool, _retention, _reconciling)
    return [message for check in (*ours, _database, _api) for message in check()]


def _label() -> Iterator[CheckMessage]:
    [config] = [config for config in apps.get_app_configs() if config.name == OURS]
    if config.label != OURS:
        kind = f"{type(config).__module__}.{type(config).__qualname__}"
        yield error(
            12,
            f"{kind} has the label {config.label!r}, but migrations, permissions and templates "
            f"need the label {OURS!r}.",
            f"Remove `label` from {kind}.",
        )


def _shape() -> Iterator[CheckMessage]:
    value = getattr(settings, NAME, None)
    if value is not None and value is not conf.configured():
        kind = type(value).__name__
        yield error(2, f"{NAME} must be a dict, it is a {kind}.", f"Write {NAME} = {{...}}.")
    for name, value in conf.configured().items():
        if name not in KEYS:
            close = get_close_matches(str(name), KEYS, n=1)
            hint = f"Did you mean {close[0]}?" if close else f"Known keys: {', '.join(KEYS)}."
            yield error(3, f"{NAME} has an unknown key {name!r}.", hint)
        elif not KEYS[name].accepts(value):
            message = f"{NAME}[{name!r}] {_problem(name, value)}."
            yield error(4, message, f"Expected {KEYS[name].expected}.")


def _problem(name: str, value: Any) -> str:
    """Return why a value is invalid, without the value if it may be a secret."""
    if name in ("SECRETS", "API_TOKENS"):
        inside = " with an invalid entry" if isinstance(value, list | tuple | dict) else ""
        return f"is a {type(value).__name__}{inside}"
    if name == "RETENTION_DAYS" and isinstance(value, dict):
        for key in value:
            if key not in ("bodies", "events"):
                return f"has an invalid key {key!r}; use 'bodies' or 'events'"
    return f"has an invalid value {reprlib.repr(value)}"


def _importable() -> Iterator[CheckMessage]:
    paths = {(6, "AUTHENTICATOR"): app_settings.authenticator}
    if app_settings.processor not in ("inline", "none"):
        paths[7, "PROCESSOR"] = app_settings.processor
    if app_settings.spool_scope is not None:
        paths[11, "SPOOL_SCOPE"] = app_settings.spool_scope
    if isinstance(app_settings.api_tokens, str):
        paths[14, "API_TOKENS"] = app_settings.api_tokens
    if app_settings.alarm is not None:
        paths[16, "ALARM"] = app_settings.alarm
    for (number, name), path in paths.items():
        if name == "API_TOKENS" and "." not in path:
            yield error(
                number,
                f"{NAME}[{name!r}] is a text without a dot; it is not shown, as it may be a token.",
                f"Expected {KEYS[name].expected}.",
            )
            continue
        try:
            target = import_string(path)
        except Exception as err:  # a module may raise anything while it is imported
            extra = EXTRAS.get(path.rpartition(".")[0]) if name == "PROCESSOR" else None
            yield error(
                number,
                f"{NAME}[{name!r}] is {path!r}, which cannot be imported: "
                f"{type(err).__name__}: {err}.",
                f'Install it: pip install "django-pickyassist-webhooks[{extra}]".'
                if extra and isinstance(err, ModuleNotFoundError)
                else f"Expected {KEYS[name].expected}.",
            )
        else:
            if name in _RETURNS and iscoroutinefunction(target):
                yield error(
                    number,
                    f"{NAME}[{name!r}] is {path!r}, an async function, which is never awaited.",
                    f"Name a plain function that returns {_RETURNS[name]}.",
                )
            if not callable(target):
                yield error(
                    number,
                    f"{NAME}[{name!r}] is {path!r}, a {type(target).__name__}, which cannot be "
                    "called.",
                    "Name a function.",
                )


def _database() -> Iterator[CheckMessage]:
    database = database_of_requests()
    settings = connections[database].settings_dict
    if not settings["AUTOCOMMIT"]:
        yield error(
            17,
            f"DATABASES[{database!r}] has AUTOCOMMIT = False, so no event can be stored.",
            "Remove it, or let a router put this app's tables into another database.",
        )
    pool = settings["OPTIONS"].get("pool")
    seconds = pool.get("timeout", _POOL_TIMEOUT) if isinstance(pool, dict) else _POOL_TIMEOUT
    if pool and seconds > MAX_POOL_TIMEOUT:
        yield warning(
            8,
            f"The pool of the database {database!r} waits {seconds} s for a connection, and "
            "ignores connect_timeout. If the database is down, each request takes that long.",
            f'Set "pool": {{"timeout": 2, "max_size": …}} in the OPTIONS of '
            f"DATABASES[{database!r}]; the size is at least the threads of a server process.",
        )


def _retention() -> Iterator[CheckMessage]:
    bodies, events = map(app_settings.retention, ("bodies", "events"))
    if events and (bodies is None or bodies > events):
        yield warning(
            6,
            f"{NAME}['RETENTION_DAYS'] keeps bodies longer than events. So processing an old "
            "request again creates its events again, as new ones.",
            f'Keep "bodies" for {events.days} days or less, as "events".',
        )


def _reconciling() -> Iterator[CheckMessage]:
    if app_settings.api_tokens and find_spec("httpx") is None:
        yield error(
            15,
            f"{NAME}['API_TOKENS'] is set, but httpx is missing, so no lost report can be fetched.",
            'Install it: pip install "django-pickyassist-webhooks[reconcile]".',
        )


def _api() -> Iterator[CheckMessage]:
    try:
        reverse("pickyassist_webhooks_api:request-list")
    except NoReverseMatch:
        return  # this project does not use it
    missing = [app for app in ("rest_framework", "django_filters") if not apps.is_installed(app)]
    if missing:
        yield error(
            10,
            f"The read API has URLs, but INSTALLED_APPS lacks {' and '.join(missing)}. Its pages "
            "in a browser need templates from there.",
            f"Add to INSTALLED_APPS: {', '.join(map(repr, missing))}.",
        )


@register(OURS, deploy=True)
def check_alarms_are_mailed(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Check that there are admins, if alarms are mailed to them."""
    if app_settings.alarm != _MAIL_ADMINS or settings.ADMINS:
        return []
    return [
        warning(
            11,
            f"{NAME}['ALARM'] mails the admins, and ADMINS is empty, so no one is told.",
            "Set ADMINS, and try that mail arrives: manage.py sendtestemail --admins.",
        )
    ]
