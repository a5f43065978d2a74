"""The door Picky Assist knocks on."""

from __future__ import annotations

import hashlib
import logging
from typing import Any
from urllib.parse import unquote_plus

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_variables

from . import ingest
from .authentication import authenticate
from .choices import RequestState
from .conf import app_settings
from .exceptions import BodyTooLarge
from .models import WebhookRequest
from .payloads import UNREADABLE
from .transactions import outside_of_transactions

logger = logging.getLogger(__name__)

#: Errors listed in an answer, which is to stay below 4 kB.
MAX_ERRORS = 20

_CHUNK = 64 * 1024


# Picky Assist holds no CSRF token and has no account here: the secret in the URL stands for both.
@csrf_exempt
@login_not_required
@outside_of_transactions
@sensitive_variables("secret")
def receive(request: HttpRequest, secret: str = "") -> JsonResponse:
    """Answer 200 once the bytes of an Event Webhook are committed, whatever they say.

    Picky Assist never sends an event twice, so no fault of ours may become its error.
    """
    source = request.META.get("REMOTE_ADDR", "")
    body = b""
    try:
        label = authenticate(request, secret)
        if request.method != "POST":
            return _refusal(405, "method_not_allowed", "POST", Allow="POST")
        body = _read(request, app_settings.max_body_bytes)
        if not body:
            return _refusal(400, "empty", "a JSON object in the body")
        kept = ingest.receive(
            body,
            content_type=request.META.get("CONTENT_TYPE", ""),
            content_encoding=request.META.get("HTTP_CONTENT_ENCODING", ""),
            query=_without_secrets(request.META.get("QUERY_STRING", ""), secret),
            remote_addr=source,
            secret_label=label,
        )
    except PermissionDenied:
        logger.warning("Refused a request with a wrong secret from %s", ascii(source))
        return _refusal(403, "forbidden", "the webhook URL with its secret")
    except BodyTooLarge as err:
        logger.warning("Refused a body from %s: %s", ascii(source), err)
        return _refusal(413, "too_large", f"at most {app_settings.max_body_bytes} bytes")
    except Exception as err:
        # Nothing is committed. The digest lets a person find the event in the vendor's log.
        logger.critical(
            "Lost a request from %s, %d bytes, sha256 %s: %s",
            ascii(source),
            len(body),
            hashlib.sha256(body).hexdigest(),
            type(err).__name__,
        )
        return _refusal(503, "unavailable", "a retry later", **{"Retry-After": "60"})
    return _answer(kept)


def _read(request: HttpRequest, limit: int) -> bytes:
    """Return the body, read by a limit of our own: Django's answers 400 before we are asked.

    Raises ``BodyTooLarge``. What came before a connection broke is returned, to be kept.
    """
    meta = request.META
    declared = meta.get("CONTENT_LENGTH") or ""
    # By its digits first: int() refuses thousands of them.
    if declared.isdecimal() and (len(declared) > 18 or int(declared) > limit):
        raise BodyTooLarge(f"expected at most {limit} bytes, {declared[:20]} were announced")
    # Without a length Django reads nothing, but a server that sets this flag ends the stream
    # where a chunked body ends.
    chunked = not declared and meta.get("wsgi.input_terminated")
    stream: Any = meta["wsgi.input"] if chunked else request
    body = bytearray()
    try:
        while chunk := stream.read(min(_CHUNK, limit + 1 - len(body))):
            body += chunk
    except Exception as err:  # servers have classes of their own for chunks that are none
        logger.warning(
            "A connection broke after %d bytes of a body: %s", len(body), type(err).__name__
        )
    if len(body) > limit:
        raise BodyTooLarge(f"expected at most {limit} bytes, more came")
    return bytes(body)


def _without_secrets(query: str, secret: str) -> str:
    if not query:
        return ""
    secrets = {secret, *(accepted for _, accepted in app_settings.secrets)} - {""}
    return "&".join(
        "***" if any(known in unquote_plus(part) for known in secrets) else part
        for part in query.split("&")
    )


def _answer(kept: WebhookRequest) -> JsonResponse:
    """Say what became of a request whose bytes are committed."""
    if kept.pk is None:
        return _respond(200, {"ok": True, "id": str(kept.token), "state": "spooled"})
    if kept.processed_at is None:  # left to a worker, or processing it failed
        return _respond(200, {"ok": True, "id": str(kept.token), "state": RequestState.RECEIVED})
    codes = {problem["code"] for problem in kept.problems}
    quarantined = kept.outcome == RequestState.QUARANTINED
    answer: dict[str, Any] = {
        "ok": not quarantined,
        "id": str(kept.token),
        "state": kept.outcome if quarantined else kept.state,
        "accepted": kept.event_count,
        "repeats": kept.repeat_count,
        "problems": kept.problem_count,
    }
    if kept.problems:
        answer["errors"] = [
            {"path": problem["path"], "code": problem["code"]}
            for problem in kept.problems[:MAX_ERRORS]
        ]
    status = 400 if codes & UNREADABLE else 415 if "content_encoding" in codes else 200
    return _respond(status, answer)


def _refusal(status: int, code: str, expected: str, **headers: str) -> JsonResponse:
    answer = {"ok": False, "error": code, "expected": expected}
    return _respond(status, answer, **headers)


def _respond(status: int, answer: dict[str, Any], **headers: str) -> JsonResponse:
    response = JsonResponse(answer, status=status, headers=headers)
    # Django logs the path of each answer of 400 and above, and the path holds the secret.
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response
