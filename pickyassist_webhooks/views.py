"""The view that receives Event Webhooks."""

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
from .authentication import authenticate, secret_of
from .body import read
from .choices import RequestState
from .conf import app_settings
from .exceptions import BodyMissing, BodyTooLarge
from .inbox.refusals import refusals
from .models import WebhookRequest
from .parsing.payloads import UNREADABLE
from .tracing import describe, span
from .transactions import nesting_of, outside_of_transactions

logger = logging.getLogger(__name__)

#: Errors listed in an answer, which must stay below 4 kB.
MAX_ERRORS = 20


# Picky Assist has no CSRF token and no account here: the secret in the URL replaces both.
@csrf_exempt
@login_not_required
@outside_of_transactions
@sensitive_variables("secret")
def receive(request: HttpRequest, secret: str = "", **captured: str) -> JsonResponse:
    """Commit the bytes of an Event Webhook, valid or not, and answer with the result.

    Picky Assist never sends an event twice, so a failure of ours after the commit is still a 200.
    ``captured`` are parameters of the path under which a project includes the URL.
    """
    with span("receive"):
        response = _receive(request, secret)
        describe(status=response.status_code)
        return response


@sensitive_variables("secret")
def _receive(request: HttpRequest, secret: str) -> JsonResponse:
    source = ascii(request.META.get("REMOTE_ADDR", ""))
    body = b""
    try:
        label = authenticate(request, secret)
        if request.method != "POST":
            reason = f"its method is {ascii(request.method)[:20]}; Picky Assist uses POST"
            return _refused(source, reason, 405, "method_not_allowed", "POST", Allow="POST")
        body = read(request, app_settings.max_body_bytes)
        kept = ingest.receive(
            body,
            content_type=request.META.get("CONTENT_TYPE", ""),
            content_encoding=request.META.get("HTTP_CONTENT_ENCODING", ""),
            query=_without_secrets(request.META.get("QUERY_STRING", ""), secret_of(secret)),
            remote_addr=request.META.get("REMOTE_ADDR", ""),
            secret_label=label,
        )
    except PermissionDenied:
        logger.warning("Refused a request with a wrong secret from %s", source)
        refusals.add()
        return _refusal(403, "forbidden", "the webhook URL with its secret")
    except BodyMissing as err:
        return _refused(source, str(err), 400, "empty", "a JSON object in the body")
    except BodyTooLarge as err:
        reason = f"{err}; raise MAX_BODY_BYTES if Picky Assist sent it"
        most = f"at most {app_settings.max_body_bytes} bytes"
        return _refused(source, reason, 413, "too_large", most)
    except Exception as err:
        # Nothing is committed. The digest lets a person find the event in the vendor's log.
        logger.critical(
            "Lost a request from %s, %d bytes, sha256 %s: %s",
            source,
            len(body),
            hashlib.sha256(body).hexdigest(),
            type(err).__name__ + nesting_of(err),
        )
        return _refusal(503, "unavailable", "a retry later", **{"Retry-After": "60"})
    describe(request=kept.token, state=kept.state)
    return _answer(kept)


def _without_secrets(query: str, secret: str) -> str:
    if not query:
        return ""
    secrets = {secret, *(accepted for _, accepted in app_settings.secrets)} - {""}
    return "&".join(
        "***" if any(value in unquote_plus(part) for value in secrets) else part
        for part in query.split("&")
    )


def _answer(kept: WebhookRequest) -> JsonResponse:
    """Answer a request whose bytes are committed."""
    if kept.processed_at is None:  # a worker will process it, or processing failed
        state = RequestState.RECEIVED if kept.pk else "spooled"
        return _respond(200, {"ok": True, "id": str(kept.token), "state": state})
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
    if status != 200:
        logger.warning("Quarantined request %s: %s", kept.token, ", ".join(sorted(codes)))
    return _respond(status, answer)


def _refused(
    source: str, reason: str, status: int, code: str, expected: str, **headers: str
) -> JsonResponse:
    """Refuse a request with a valid secret, and log it: the sender ignores the answer."""
    logger.error("Refused a request from %s and kept nothing of it: %s", source, reason)
    return _refusal(status, code, expected, **headers)


def _refusal(status: int, code: str, expected: str, **headers: str) -> JsonResponse:
    answer = {"ok": False, "error": code, "expected": expected}
    return _respond(status, answer, **headers)


def _respond(status: int, answer: dict[str, Any], **headers: str) -> JsonResponse:
    response = JsonResponse(answer, status=status, headers=headers)
    # Django logs the path of each answer of 400 and above, and the path holds the secret.
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response
