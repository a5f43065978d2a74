"""Payloads posted as Picky Assist posts them: bytes over Django's test client, to the real URL."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured
from django.test import AsyncClient, Client, override_settings
from django.urls import NoReverseMatch, get_script_prefix, reverse

from ..choices import RequestState
from ..conf import NAME, app_settings, configured
from ..models import ReceiverFailure

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse

    # With what Django's test client puts on it, for which only the stubs have a name.
    Response = _MonkeyPatchedWSGIResponse

logger = logging.getLogger(__package__)

#: What lets a test in where the settings name no secret.
TEST_SECRET = "only-for-tests-" + "x" * 20


def post_event(
    client: Client,
    payload: Any,
    *,
    secret: str | None = None,
    content_type: str = "application/json",
    **extra: Any,
) -> Response:
    """Post a payload to the webhook URL, have it processed, and return the response.

    ``payload`` is a dict as the builders make it, or bytes or text that go as they are. It is
    processed before this returns, whatever ``PROCESSOR`` says, and signals are sent inside of a
    ``TestCase``, too. ``secret`` is the one in the URL: by default the first of ``SECRETS``, and
    where there is none, one that is accepted for this request alone. ``extra`` goes to the client.

    Where a receiver raises, the response says so, and its traceback is logged.

    Raises ``TypeError`` for an ``AsyncClient``, and ``ImproperlyConfigured`` where no URL leads to
    the view, or where an ``AUTHENTICATOR`` of your own decides and no secret is given that it would
    take.
    """
    if isinstance(client, AsyncClient):
        raise TypeError(
            "expected a Client, came an AsyncClient; in an async test call "
            "await sync_to_async(post_event)(Client(), payload)"
        )
    settings = {**configured(), "PROCESSOR": "inline"}
    if secret is None:
        secret, settings = _let_in(settings)
    with override_settings(**{NAME: settings}):
        response = client.generic("POST", _path(secret), _body(payload), content_type, **extra)
    _tell_of_failures(response)
    return response


def _body(payload: Any) -> bytes:
    if isinstance(payload, bytes):
        return payload
    return payload.encode() if isinstance(payload, str) else json.dumps(payload).encode()


def _path(secret: str) -> str:
    try:
        url = reverse("pickyassist_webhooks:events", args=[secret])
        # The client, unlike a server, posts to what is below the prefix.
        return "/" + url.removeprefix(get_script_prefix())
    except NoReverseMatch as err:
        raise ImproperlyConfigured(
            'No URL leads to the view; add path("pickyassist/", '
            'include("pickyassist_webhooks.urls")) to your urls.py.'
        ) from err


def _tell_of_failures(response: Response) -> None:
    """Log what receivers raised: a test that then fails shows it beside what it expected."""
    try:
        answer = response.json()
    except ValueError:
        return  # a middleware of the project answered
    if answer.get("state") in (RequestState.FAILING, RequestState.DEAD):
        failures = ReceiverFailure.objects.filter(request__token=answer["id"])
        for failure in failures.order_by("pk"):
            logger.error("%s raised:\n%s", failure.receiver, failure.error)


def _let_in(settings: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    if not app_settings.authenticates_by_secret:
        raise ImproperlyConfigured(
            "Expected a secret that your AUTHENTICATOR takes, came none; "
            'call post_event(client, payload, secret="...").'
        )
    if app_settings.secrets:
        return app_settings.secrets[0][1], settings
    return TEST_SECRET, settings | {"SECRETS": [TEST_SECRET]}
