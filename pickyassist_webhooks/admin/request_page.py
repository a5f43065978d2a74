"""The page of a request: its problem and the next step, buttons, and its body to download.

Each button has its own permission and is a POST.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import URLPattern
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from .. import ingest
from ..choices import UNFINISHED, WAITING, RequestState
from ..conf import app_settings
from ..models import ReceiverFailure, WebhookRequest, masking
from ..models.requests import requests
from ..parsing.characters import visible
from ..permissions import VIEW_PERSONAL_DATA, to_view
from ..transactions import outside_of_transactions
from .bulk import BulkAdmin, reason_of
from .failures import error_shown, newest_errors
from .labels import local_time
from .operations import DISCARD_THEM, FINISHED, NOT_POSSIBLE, OPERATIONS, PROCESS_AGAIN, Operation
from .text import shortened

#: Problems and failed receivers shown at the beginning.
MAX_SHOWN = 3

#: Characters shown of an error.
MAX_ERROR = 300

#: Problems listed of one request; all are counted, and up to 1,000 stored.
MAX_PROBLEMS = 50

#: The class of an exception at the beginning of a traceback's last line.
_EXCEPTION = re.compile(r"([A-Za-z_][\w.]{0,200})(?::|$)")

#: What happens next in states in which a worker does nothing.
_RESTING = {
    RequestState.QUARANTINED: _(
        "Nothing in it is valid, so nothing more happens. If an upgrade adds support for it,"
        " process it again; otherwise discard it."
    ),
    RequestState.DEAD: _(
        "All attempts are used up, so nothing more happens. Fix the cause, then call its failed"
        " receivers again, or process it again. If it is not needed, discard it."
    ),
    RequestState.DONE: _(
        "Its valid events are stored. If an upgrade adds support for the others, process it again."
    ),
    RequestState.DISCARDED: _(
        "It was discarded, so nothing more happens. Process it again if that was wrong."
    ),
}


class RequestPageAdmin(BulkAdmin):
    change_form_template = "pickyassist_webhooks/admin/request.html"

    def get_urls(self) -> list[URLPattern]:
        press = outside_of_transactions(require_POST(self.press))
        buttons = [
            self.route(f"<int:pk>/{each.name}/", press, each.name, {"operation": each})
            for each in OPERATIONS
        ]
        body = self.route("<int:pk>/body/", require_safe(self.body_view), "body")
        return [*buttons, body, *super().get_urls()]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        shown: WebhookRequest = kwargs["obj"]
        context["request_actions"] = [
            (operation, self.url(operation.name, shown.pk))
            for operation in OPERATIONS
            if request.user.has_perm(operation.permission) and _is_possible(operation, shown)
        ]
        context["diagnosis"] = self.diagnosis(request, shown)
        if request.user.has_perm(VIEW_PERSONAL_DATA) and shown.body:
            context["body_url"] = self.url("body", shown.pk)
        return super().render_change_form(request, context, *args, **kwargs)

    def press(self, request: HttpRequest, pk: int, operation: Operation) -> HttpResponse:
        """Do it, and show the result on the page of the request."""
        if not request.user.has_perm(operation.permission):
            raise PermissionDenied
        self.viewed(request, pk)
        text, level = self._result(request, operation, pk)
        self.message_user(request, text, level)
        return HttpResponseRedirect(self.url("change", pk))

    def _result(self, request: HttpRequest, operation: Operation, pk: int) -> tuple[str, int]:
        if operation.needs_reason and not reason_of(request):
            return gettext("A reason is needed."), messages.ERROR
        try:
            state = self.carry_out(request, operation, pk)
        except tuple(NOT_POSSIBLE) as err:
            return str(NOT_POSSIBLE[type(err)]), messages.WARNING
        except WebhookRequest.DoesNotExist:
            raise Http404 from None  # deleted or pruned meanwhile
        level = messages.SUCCESS if state in FINISHED else messages.WARNING
        return operation.result % {"state": state.label}, level

    def body_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Send the exact bytes as a file that no browser shows as a page."""
        if not request.user.has_perm(VIEW_PERSONAL_DATA):
            raise PermissionDenied
        shown = self.viewed(request, pk)
        return HttpResponse(
            bytes(shown.body),
            content_type="application/octet-stream",
            headers={
                "Content-Disposition": f'attachment; filename="{shown.token}.body"',
                "X-Content-Type-Options": "nosniff",
            },
        )

    def diagnosis(self, http_request: HttpRequest, shown: WebhookRequest) -> dict[str, Any] | None:
        """Return the problem of a request and the next step, or ``None`` if it is done."""
        if shown.state == RequestState.DONE and not shown.problem_count:
            return None
        failures = []
        if shown.state in UNFINISHED or shown.state == RequestState.DEAD:
            failures = self._failures(http_request, shown)
        return {
            "state": shown.get_state_display(),
            "is_alarming": shown.state in (RequestState.QUARANTINED, RequestState.DEAD)
            or bool(failures or shown.error),
            "next": _next(shown),
            "error": self._last_line(http_request, shown.error),
            "problems": shown.problems
            and self.problem_list(shown.problems, shown.problem_count, MAX_SHOWN),
            "failures": failures[:MAX_SHOWN],
            "more": self.failures_shown(shown) if len(failures) > MAX_SHOWN else "",
        }

    def _failures(self, http_request: HttpRequest, shown: WebhookRequest) -> list[dict[str, Any]]:
        viewer: Any = http_request.user
        if not viewer.has_perm(to_view(ReceiverFailure)):
            return []
        masks = self.masks(viewer)
        newest = newest_errors(shown.receiver_failures.order_by("-failed_at", "-pk"))
        return [
            {
                "receiver": self.link(
                    viewer, ReceiverFailure, visible(failure.receiver), failure.pk
                ),
                "error": error_shown(failure, masks, MAX_ERROR),
                "attempts": failure.attempts,
                "due_at": failure.due_at,
            }
            for failure in newest[: MAX_SHOWN + 1]
        ]

    @admin.display(description=_("receiver failures"))
    def failures_shown(self, request: Any) -> Any:
        if not (count := request.receiver_failures.count()):
            return self.get_empty_value_display()
        return self.list_link(request.viewer, ReceiverFailure, count, request=request.pk)

    def problem_list(
        self, problems: Sequence[dict[str, str]], count: int, most: int = MAX_PROBLEMS
    ) -> Any:
        """Return some problems as a list, with the count of the others."""
        left = count - len(problems[:most])
        more = ngettext("%(count)d more", "%(count)d more", left) % {"count": left}
        context = {"problems": problems[:most], "more": more if left > 0 else ""}
        return render_to_string("pickyassist_webhooks/admin/problem_list.html", context)

    def _last_line(self, http_request: HttpRequest, error: str) -> str:
        before, _newline, line = error.rstrip().rpartition("\n")
        if not line or "error" not in self.masks(http_request.user):
            return shortened(line, MAX_ERROR)
        # Only a line after one of the code: others are of the error's text.
        is_first = before.rpartition("\n")[2].startswith("  ")
        match = _EXCEPTION.match(line) if is_first else None
        return match[1] if match else masking.HIDDEN


def _is_possible(operation: Operation, request: WebhookRequest) -> bool:
    if operation is PROCESS_AGAIN:
        return request.erased_at is None
    if operation is DISCARD_THEM:
        return request.state not in FINISHED
    return requests().filter(ingest.may_call_receivers_again(), pk=request.pk).exists()


def _next(request: WebhookRequest) -> str:
    """Return a sentence about what happens next."""
    state = RequestState(request.state)
    if state in _RESTING and request.erased_at:
        return gettext("Its bytes are erased, so it cannot be processed again.")
    if state in _RESTING:
        return str(_RESTING[state])
    now = timezone.now()
    if request.is_claimed(now):
        return gettext("A worker is processing it.")
    if state in WAITING and not request.attempts:
        return gettext("It waits for a worker.")
    if request.due_at <= now:
        return gettext("The next attempt is due: the next run of pickyassist_process makes it.")
    facts = {"time": local_time(request.due_at), "most": app_settings.max_attempts}
    text = gettext("The next attempt is at %(time)s. There are up to %(most)d attempts.")
    return text % facts
