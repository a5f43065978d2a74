"""What an ASGI server needs so that no event is lost whose sender does not wait for the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from django.conf import settings
from django.urls import Resolver404, resolve
from django.utils.translation import get_language, get_language_from_path, override

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]


def finishing(application: Any) -> Application:
    """Have a webhook request finished although its sender hangs up, once all of it has come.

    Django cancels a request as soon as its sender is gone, which may be before the view is called,
    and Picky Assist does not read the answer. For ``asgi.py``:
    ``application = finishing(get_asgi_application())``. Other requests are left as they are.
    """

    async def finish(scope: Message, receive: Receive, send: Send) -> None:
        await application(scope, _patient(receive) if _is_event(scope) else receive, send)

    return finish


def _patient(receive: Receive) -> Receive:
    """Return what does not tell of a sender that is gone after the end of the body."""
    complete = False

    async def receive_patiently() -> Message:
        nonlocal complete
        message = await receive()
        if message["type"] == "http.request":
            complete = not message.get("more_body", False)
        elif complete:
            await asyncio.Event().wait()  # never set: Django gives up on this once it has answered
        return message

    return receive_patiently


def _is_event(scope: Message) -> bool:
    # Not before Django is set up, which asgi.py does below its imports.
    from .views import receive as view

    if scope["type"] != "http":
        return False
    prefix = settings.FORCE_SCRIPT_NAME or scope.get("root_path", "")
    path = scope["path"].removeprefix(prefix)
    try:
        # As the middleware for it will see it, below i18n_patterns().
        with override(get_language_from_path(path) or get_language()):
            return resolve(path).func is view
    except Resolver404:
        return False
