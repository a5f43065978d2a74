"""Who calls? Picky Assist signs nothing, so the secret in the URL is all there is."""

from __future__ import annotations

import inspect

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare
from django.utils.module_loading import import_string
from django.views.decorators.debug import sensitive_variables

from .conf import app_settings
from .secrecy import hide_secret


@sensitive_variables()
def authenticate(request: HttpRequest, secret: str) -> str:
    """Return the label of whoever calls, as the ``AUTHENTICATOR`` setting tells it.

    Once it is checked, right or wrong, the secret is taken out of the request. Raises
    ``PermissionDenied`` for strangers, ``ImportError`` where the setting names nothing that can be
    imported, and ``TypeError`` where what it names returns no text: that is no yes.
    """
    try:
        label = import_string(app_settings.authenticator)(request, secret)
    finally:
        hide_secret(request, secret)
    if inspect.iscoroutine(label):
        label.close()
    if not isinstance(label, str):
        came = type(label).__name__
        raise TypeError(f"expected a label from AUTHENTICATOR, or PermissionDenied, came a {came}")
    return label


@sensitive_variables()
def secret_in_url(request: HttpRequest, secret: str) -> str:
    """Return the label of the configured secret that equals the one in the URL.

    Raises ``PermissionDenied`` where none does, and so where none is configured.
    """
    # All of them are compared, so that the time taken does not tell which one came close.
    labels = [
        label
        for label, accepted in app_settings.secrets
        if constant_time_compare(_bytes(secret), _bytes(accepted))
    ]
    if not labels:
        raise PermissionDenied("expected a configured secret in the URL")
    return labels[0]


def _bytes(secret: str) -> bytes:
    # hmac.compare_digest refuses text that is not ASCII, and UTF-8 a lone surrogate.
    return secret.encode("utf-8", "surrogatepass")
