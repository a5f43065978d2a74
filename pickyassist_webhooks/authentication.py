"""Check who calls: Picky Assist signs nothing, so the URL holds a secret."""

from __future__ import annotations

import inspect

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare
from django.utils.module_loading import import_string
from django.views.decorators.debug import sensitive_variables

from .conf import app_settings
from .parsing.characters import bare
from .redaction.requests import hide_secret


@sensitive_variables()
def authenticate(request: HttpRequest, secret: str) -> str:
    """Return the label of the caller, from the callable in ``AUTHENTICATOR``.

    After the check, the secret is removed from the request, right or wrong. Raise
    ``PermissionDenied`` for strangers, ``ImportError`` if the setting cannot be imported, and
    ``TypeError`` if the callable returns no text: only a label lets a caller in.
    """
    secret = secret_of(secret)
    try:
        label = import_string(app_settings.authenticator)(request, secret)
    finally:
        hide_secret(request, secret)
    if inspect.iscoroutine(label):
        label.close()
    if not isinstance(label, str):
        kind = type(label).__name__
        raise TypeError(f"AUTHENTICATOR returned a {kind}; return a label, or PermissionDenied")
    return label


@sensitive_variables()
def secret_of(captured: str) -> str:
    """Return the secret at the end of a path, without the white space of a pasted URL."""
    return bare(captured, also="/")


@sensitive_variables()
def secret_in_url(request: HttpRequest, secret: str) -> str:
    """Return the label of the configured secret that equals the one in the URL.

    Raise ``PermissionDenied`` if none does, or none is configured.
    """
    # Compare all of them: the time taken must not tell which one is close.
    labels = [
        label
        for label, accepted in app_settings.secrets
        if constant_time_compare(_bytes(secret), _bytes(accepted))
    ]
    if not labels:
        raise PermissionDenied("expected a configured secret in the URL")
    return labels[0]


def _bytes(secret: str) -> bytes:
    # hmac.compare_digest refuses non-ASCII text, and UTF-8 refuses a lone surrogate.
    return secret.encode("utf-8", "surrogatepass")
