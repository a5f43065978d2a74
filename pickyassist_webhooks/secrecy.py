"""The secret is a part of the path, and paths end up in logs and error reports. Not this one."""

from __future__ import annotations

import logging
import re
from copy import copy
from functools import lru_cache
from typing import Any

from django.apps import apps
from django.http import HttpRequest
from django.urls import get_script_prefix, reverse

from .conf import app_settings

HIDDEN = "***"

_ROUTE = "/events/"

# What looks like a secret behind it, wherever the view is said to be: a path that is mistyped, or
# has a language in it, leads to no view at all.
_MIN_SEGMENT = 16
_SEGMENT = re.compile(rf"(?<={_ROUTE})[A-Za-z0-9._~%-]{{{_MIN_SEGMENT},}}")


class HideSecrets(logging.Filter):
    """Takes the secret out of the records of other loggers: access logs, ``django.request``.

    Hides each configured secret wherever it stands, and in a path to the webhook view whatever
    stands in its place, as a wrong secret is often nearly the right one. For handlers rather than
    loggers, whose filters do not see the records of loggers below them.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = _hidden(record.msg)
        if isinstance(record.args, dict):  # gunicorn's, which knows an answer for every name
            record.args = copy(record.args)
            record.args.update({name: _hidden(value) for name, value in record.args.items()})
        elif record.args:
            record.args = tuple(map(_hidden, record.args))
        if isinstance(request := getattr(record, "request", None), HttpRequest):
            record.request = _hidden_request(request)
        if record.exc_info and record.exc_info[0]:
            record.exc_text = _hidden(
                record.exc_text or logging.Formatter().formatException(record.exc_info)
            )
        return True


def hide_secret(request: HttpRequest, secret: str) -> None:
    """Take the secret out of a request that has been authenticated, and so out of its reports.

    Servers write their access log, and Django and others their error reports, from what is
    changed here. What fails before the view is called is for ``HideSecrets``.
    """
    # All that follows: a URL pasted with something behind the secret still holds it.
    before, route, _ = request.path_info.partition(_ROUTE.rstrip("/"))
    before = request.path_info.partition(secret)[0] if secret else f"{before}{route}/"
    request.path_info = f"{before}{HIDDEN}/"
    path = f"{request.META.get('SCRIPT_NAME', '').rstrip('/')}{request.path_info}"
    request.path = path
    _replace(request.META, PATH_INFO=request.path_info, RAW_URI=path, REQUEST_URI=path)
    _replace(getattr(request, "scope", {}), path=path, raw_path=path.encode())
    if len(secret) >= _MIN_SEGMENT:  # as proxies hand the path on
        headers = {
            name: value.replace(secret, HIDDEN)
            for name, value in request.META.items()
            if name.startswith("HTTP_") and isinstance(value, str)
        }
        request.META.update(headers)
    match: Any = request.resolver_match
    if match is not None:
        _replace(match.kwargs, secret=HIDDEN)
        _replace(match.captured_kwargs, secret=HIDDEN)


def _hidden_request(request: HttpRequest) -> HttpRequest:
    """Return a request to be reported, without the secret: a copy, as it is still in use."""
    if _hidden(request.path) == request.path:
        return request
    hidden = copy(request)
    hidden.META = {name: _hidden(value) for name, value in request.META.items()}
    hidden.path, hidden.path_info = _hidden(request.path), _hidden(request.path_info)
    hidden.resolver_match = None
    return hidden


def _replace(named: dict[str, Any], **values: Any) -> None:
    named.update((name, value) for name, value in values.items() if name in named)


def _hidden(value: Any) -> Any:
    """Return a text without secrets; anything else as it is, unless its text has one."""
    try:
        text = value if isinstance(value, str) else str(value)
        hidden = _configured(tuple(secret for _, secret in app_settings.secrets)).sub(HIDDEN, text)
        if _ROUTE in hidden:
            hidden = _SEGMENT.sub(HIDDEN, hidden)
            if apps.ready and (path := _path()):
                hidden = re.sub(rf"(?<=/{path})[^/\s?\"'&#]+", HIDDEN, hidden)
    except Exception:  # whoever logs must not fail for it
        return value
    return value if hidden == text else hidden


@lru_cache(maxsize=4)
def _configured(secrets: tuple[str, ...]) -> re.Pattern[str]:
    # The longest first, as one may begin with another.
    longest = sorted(secrets, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest)) or r"(?!)")


def _path() -> str:
    """Return the path to the view up to the secret, as a pattern, or nothing where it has none."""
    try:
        path = reverse("pickyassist_webhooks:events", args=["-"])
    except Exception:  # there is none, or the URLs of the project cannot be loaded
        return ""
    return re.escape(path.removeprefix(get_script_prefix()).rpartition("-")[0])
