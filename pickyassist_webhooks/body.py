"""Read the body of a request, as its server or a middleware left it."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from typing import Any

from django.http import HttpRequest

from .exceptions import BodyMissing, BodyTooLarge

logger = logging.getLogger(__name__)

#: The key of the unread body in an ASGI scope.
UNREAD = "pickyassist_webhooks.body"

_CHUNK = 64 * 1024


def read(request: HttpRequest, limit: int) -> bytes:
    """Return the body. The limit is ours: Django's own answers 400 before the view is called.

    Raise ``BodyTooLarge``, or ``BodyMissing`` if it is empty. If the connection breaks, return
    the bytes so far: they are kept.
    """
    announced = _announced(request)
    if announced > limit:
        raise BodyTooLarge(f"expected at most {limit} bytes, {announced} were announced")
    # First, because reading sets it.
    read_before = _was_read(request)
    body, broken = _all(_reading(request), limit)
    if len(body) > limit:
        raise BodyTooLarge(f"expected at most {limit} bytes, more arrived")
    if not body:
        raise BodyMissing(_why_empty(request, announced, broken, read_before))
    if broken or len(body) < announced:
        logger.warning(
            "Kept an incomplete body: %d bytes arrived%s. Cause: %s.",
            len(body),
            f" of {announced}" if announced else "",
            broken or ("a middleware read the rest" if read_before else "the connection ended"),
        )
    return body


def length_of(announced: str) -> int:
    """Return the length that a header announces, or 0 if it announces none."""
    # At most 18 digits: int() refuses thousands of them.
    return int(announced.lstrip("0")[:18] or 0) if announced.isdecimal() else 0


def _announced(request: HttpRequest) -> int:
    unread = _unread(request)
    return unread.length if unread else length_of(request.META.get("CONTENT_LENGTH") or "")


def _was_read(request: HttpRequest) -> bool:
    """Tell whether a middleware read bytes that it did not keep."""
    elsewhere = hasattr(request, "_body") or _unread(request)
    return getattr(request, "_read_started", False) and not elsewhere


def _reading(request: HttpRequest) -> Any:
    """Return the function that reads the next bytes, at most as many as it is given."""
    if unread := _unread(request):
        return unread.read
    # Django reads nothing without a length. A server that sets this flag ends the stream at the
    # end of a chunked body.
    if not request.META.get("CONTENT_LENGTH") and request.META.get("wsgi.input_terminated"):
        return request.META["wsgi.input"].read
    if _is_chunked(request) and "uwsgi" in sys.modules:
        # uWSGI does not pass it on in ``wsgi.input``. At most 1 MB: its own limit.
        return lambda size: bytes(sys.modules["uwsgi"].chunked_read())
    # If a middleware read it, it is in a file (ASGI) or in memory (after request.body).
    with suppress(Exception):
        request._stream.seek(0)
    return request.read


def _is_chunked(request: HttpRequest) -> bool:
    """Tell whether a WSGI server got a body in chunks."""
    coding = request.META.get("HTTP_TRANSFER_ENCODING", "").lower()
    return "wsgi.input" in request.META and not _announced(request) and "chunked" in coding


def _unread(request: HttpRequest) -> Any:
    return getattr(request, "scope", {}).get(UNREAD)


def _all(read_next: Any, limit: int) -> tuple[bytes, str]:
    """Return at most ``limit`` + 1 bytes, and the name of the error that ended the reading."""
    body = bytearray()
    try:
        while len(body) <= limit and (chunk := read_next(min(_CHUNK, limit + 1 - len(body)))):
            body += chunk
    except Exception as err:  # servers have their own errors for invalid chunks
        return bytes(body), type(err).__name__
    return bytes(body), ""


def _why_empty(request: HttpRequest, announced: int, broken: str, read_before: bool) -> str:
    """Return why there is no body, and the next step."""
    if _is_chunked(request) and not request.META.get("wsgi.input_terminated"):
        return (
            "its body is chunked, and this server does not pass it on; put nginx in front, or use"
            " gunicorn, uvicorn or uWSGI with --http-chunked-input"
        )
    if broken:
        return f"the connection broke before the first byte ({broken})"
    if read_before:
        return "a middleware read the body before the view; exempt the webhook's path from it"
    if announced:
        return f"{announced} bytes were announced, none arrived"
    return "it has no body; look for a proxy or a redirect that drops it"
