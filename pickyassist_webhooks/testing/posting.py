"""Payloads posted as Picky Assist posts them: bytes over Django's test client, to the real URL."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured
from django.test import Client, override_settings
from django.urls import reverse

from ..conf import NAME, app_settings, configured

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse

    # With what Django's test client puts on it, for which only the stubs have a name.
    Response = _MonkeyPatchedWSGIResponse

#: What lets a test in where the settings name no secret.
TEST_SECRET = "only-for-tests-" + "x" * 20


def post_event(
    client: Client, payload: Any, *, secret: str | None = None, **extra: Any
) -> Response:
    """Post a payload to the webhook URL, have it processed, and return the response.

    ``payload`` is a dict as the builders make it, or bytes that are posted as they are. It is
    processed before this returns, whatever ``PROCESSOR`` says, and signals are sent inside of a
    ``TestCase``, too. ``secret`` is the one in the URL: by default the first of ``SECRETS``, and
    where there is none, one that is accepted for this request alone. ``extra`` goes to the client.

    Raises ``ImproperlyConfigured`` where an ``AUTHENTICATOR`` of your own decides, and no secret
    is given that it would take.
    """
    settings = {**configured(), "PROCESSOR": "inline"}
    if secret is None:
        secret, settings = _let_in(settings)
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    with override_settings(**{NAME: settings}):
        url = reverse("pickyassist_webhooks:events", args=[secret])
        return client.generic("POST", url, body, "application/json", **extra)


def _let_in(settings: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    if not app_settings.authenticates_by_secret:
        raise ImproperlyConfigured(
            "Expected a secret that your AUTHENTICATOR takes, came none; "
            'call post_event(client, payload, secret="...").'
        )
    if app_settings.secrets:
        return app_settings.secrets[0][1], settings
    return TEST_SECRET, settings | {"SECRETS": [TEST_SECRET]}
