"""Post payloads as Picky Assist does: bytes to the real URL, with Django's test client."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured
from django.test import AsyncClient, Client, override_settings
from django.urls import NoReverseMatch, get_script_prefix

from ..choices import RequestState
from ..conf import NAME, app_settings, configured
from ..conf.urls import webhook_path
from ..models import ReceiverFailure

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse

    # With the attributes of Django's test client; only the stubs have a name for it.
    Response = _MonkeyPatchedWSGIResponse

logger = logging.getLogger(__package__)

#: The secret of a test if the settings have none.
TEST_SECRET = "only-for-tests-" + "x" * 20


def post_event(
    client: Client,
    payload: Any,
    *,
    secret: str | None = None,
    content_type: str = "application/json",
    **extra: Any,
) -> Response:
    """Post a payload to the webhook URL, process it, and return the response.

    ``payload`` is a dict from a builder, or bytes or text that are sent unchanged. It is processed
    before this returns, with any ``PROCESSOR``, and signals are sent inside a ``TestCase`` too.
    ``secret`` is the one in the URL. Default: the first of ``SECRETS``; if there is none, a secret
    for this request only. ``extra`` goes to the client.

    If a receiver raises, the response shows it, and its traceback is logged.

    Raise ``TypeError`` for an ``AsyncClient``. Raise ``ImproperlyConfigured`` if no URL leads to
    the view, or if the project has its own ``AUTHENTICATOR`` and no secret is given.
    """
    if isinstance(client, AsyncClient):
        raise TypeError(
            "expected a Client, not an AsyncClient; in an async test, call "
            "await sync_to_async(post_event)(Client(), payload)"
        )
    settings = {**configured(), "PROCESSOR": "inline"}
    if secret is None:
        secret, settings = _accepted_secret(settings)
    with override_settings(**{NAME: settings}):
        response = client.generic("POST", _path(secret), _body(payload), content_type, **extra)
    _log_failures(response)
    return response


def _body(payload: Any) -> bytes:
    if isinstance(payload, bytes):
        return payload
    return payload.encode() if isinstance(payload, str) else json.dumps(payload).encode()


def _path(secret: str) -> str:
    if not secret or "/" in secret:
        raise ImproperlyConfigured("The secret is empty or has a slash, and no URL can have it.")
    try:
        # The test client, unlike a server, expects a path without the script prefix.
        return "/" + webhook_path(secret).removeprefix(get_script_prefix())
    except NoReverseMatch as err:
        raise ImproperlyConfigured(
            'No URL leads to the webhook view; add path("pickyassist/", '
            'include("pickyassist_webhooks.urls")) to your urls.py.'
        ) from err


def _log_failures(response: Response) -> None:
    """Log the tracebacks of receivers, so that pytest shows them for a failed test."""
    try:
        answer = response.json()
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        return  # the response is from a middleware of the project
    if answer.get("state") in (RequestState.FAILING, RequestState.DEAD):
        failures = ReceiverFailure.objects.filter(request__token=answer["id"])
        for failure in failures.order_by("pk"):
            logger.error("%s raised:\n%s", failure.receiver, failure.error)


def _accepted_secret(settings: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    if not app_settings.authenticates_by_secret:
        raise ImproperlyConfigured(
            'Your AUTHENTICATOR requires a secret; call post_event(client, payload, secret="...").'
        )
    if app_settings.secrets:
        return app_settings.secrets[0][1], settings
    return TEST_SECRET, settings | {"SECRETS": [TEST_SECRET]}
