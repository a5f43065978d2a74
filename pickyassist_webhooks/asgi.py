"""ASGI: finish a request even if its sender hangs up, and read no body from strangers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from asgiref.sync import async_to_sync
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.urls import Resolver404, ResolverMatch, resolve
from django.utils.translation import get_language, get_language_from_path, override

from .authentication import secret_in_url, secret_of
from .body import UNREAD, length_of
from .conf import app_settings

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

#: Bytes of a body that are read before the project's own AUTHENTICATOR is called.
_AHEAD = 1024 * 1024


def finishing(application: Any) -> Application:
    """Finish each webhook request even if its sender hangs up, and read no body from strangers.

    Django saves the whole body to a file before the view checks the secret. It cancels a request
    if its sender hangs up, and Picky Assist does not wait for the answer. In ``asgi.py``:
    ``application = finishing(get_asgi_application())``. Other requests pass unchanged.
    """

    async def finish(scope: Message, receive: Receive, send: Send) -> None:
        match = _match(scope)
        if match is None:
            await application(scope, receive, send)
            return
        body = scope[UNREAD] = UnreadBody(scope, receive)
        if body.length <= app_settings.max_body_bytes:
            await body.fill(_trusted(match.kwargs.get("secret", "")))
        # Without the length: Django and its middleware see an empty body.
        scope["headers"] = [pair for pair in scope["headers"] if pair[0] != b"content-length"]
        await application(scope, _nothing(), body.closing(scope, send))

    return finish


class UnreadBody:
    """A body that is not read yet, except for its beginning; the view reads the rest."""

    def __init__(self, scope: Message, receive: Receive) -> None:
        #: The announced length, or 0.
        self.length = length_of(
            dict(scope["headers"]).get(b"content-length", b"").decode("latin-1")
        )
        self._receive = receive
        self._begun = bytearray()
        self._complete = self._gone = False

    async def fill(self, size: int) -> None:
        """Read until ``size`` bytes are here, the body ends or the sender hangs up."""
        while len(self._begun) < size and not (self._complete or self._gone):
            message = await self._receive()
            self._gone = message["type"] == "http.disconnect"
            self._begun += message.get("body", b"")
            self._complete = not self._gone and not message.get("more_body", False)

    def read(self, size: int) -> bytes:
        """Return the next bytes, at most ``size``; return none at the end."""
        if len(self._begun) < size and not (self._complete or self._gone):
            async_to_sync(self.fill)(size)
        part = bytes(self._begun[:size])
        del self._begun[:size]
        if not part and self._gone:
            raise ConnectionResetError("the sender has hung up")
        return part

    def closing(self, scope: Message, send: Send) -> Send:
        """Wrap ``send``: the server hangs up instead of reading the rest of a refused body."""

        async def close(message: Message) -> None:
            if message["type"] == "http.response.start" and self._rest_is_unread(scope):
                message["headers"] = [*message["headers"], (b"connection", b"close")]
            await send(message)

        return close

    def _rest_is_unread(self, scope: Message) -> bool:
        # HTTP/2 has no such header: the server ends only this stream.
        return not self._complete and scope.get("http_version", "1.1") in ("1.0", "1.1")


def _nothing() -> Receive:
    """Return a ``receive`` that sends an empty body, and never a disconnect."""
    sent = False

    async def receive() -> Message:
        nonlocal sent
        if sent:
            await asyncio.Event().wait()  # never set: Django cancels this after its answer
        sent = True
        return {"type": "http.request", "body": b"", "more_body": False}

    return receive


def _trusted(secret: str) -> int:
    """Return how many bytes to read before Django is called, and so without a thread."""
    if not app_settings.authenticates_by_secret:
        return _AHEAD
    try:
        secret_in_url(HttpRequest(), secret_of(secret))
    except PermissionDenied:
        return 0
    return app_settings.max_body_bytes + 1


def _match(scope: Message) -> ResolverMatch | None:
    """Return the match of a request to the webhook view."""
    # Imported late: asgi.py sets Django up after its imports.
    from .views import receive as view

    if scope["type"] != "http":
        return None
    prefix = settings.FORCE_SCRIPT_NAME or scope.get("root_path", "")
    path = scope["path"].removeprefix(prefix)
    try:
        # In the language that LocaleMiddleware will activate, for i18n_patterns().
        with override(get_language_from_path(path) or get_language()):
            match = resolve(path)
    except Resolver404:
        return None
    return match if match.func is view else None
