"""Remove the secret from a request before anything reports it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from .texts import HIDDEN, MIN_SEGMENT, ROUTE


def hide_secret(request: HttpRequest, secret: str) -> None:
    """Remove the secret from an authenticated request, and so from its reports.

    Access logs and error reports read the attributes that are changed here. ``HideSecrets`` covers
    errors before the view is called.
    """
    # The rest of the path too: a URL pasted with text after the secret still holds it.
    before, route, _ = request.path_info.partition(ROUTE.rstrip("/"))
    before = request.path_info.partition(secret)[0] if secret else f"{before}{route}/"
    request.path_info = f"{before}{HIDDEN}/"
    path = f"{request.META.get('SCRIPT_NAME', '').rstrip('/')}{request.path_info}"
    request.path = path
    _replace(request.META, PATH_INFO=request.path_info, RAW_URI=path, REQUEST_URI=path)
    _replace(getattr(request, "scope", {}), path=path, raw_path=path.encode())
    if len(secret) >= MIN_SEGMENT:  # proxies pass the path on in headers
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


def _replace(target: dict[str, Any], **values: Any) -> None:
    target.update((name, value) for name, value in values.items() if name in target)
