"""The beginning of a request's page: its problem and the next step."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from ..choices import UNFINISHED, WAITING, RequestState
from ..conf import app_settings
from ..models import ReceiverFailure, WebhookRequest, masking
from ..parsing.characters import visible
from ..permissions import to_view
from .base import ReadOnlyAdmin
from .expectations import expected
from .failures import error_shown, newest_errors
from .labels import local_time
from .text import shortened

#: Problems and failed receivers shown at the beginning.
MAX_SHOWN = 3

#: Problems listed of one request; all are counted, and up to 1,000 stored.
MAX_PROBLEMS = 50

#: The class of an exception at the beginning of a traceback's last line.
_EXCEPTION = re.compile(r"([A-Za-z_][\w.]{0,200})(?::|$)")

#: What happens next in states in which a worker does nothing.
_RESTING = {
    RequestState.QUARANTINED: _(
        "No part of it is valid, so nothing more happens. If an upgrade adds support for it,"
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


class DiagnosisAdmin(ReadOnlyAdmin):
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
        is_masked = "error" in self.masks(http_request)
        newest = newest_errors(shown.receiver_failures.order_by("-failed_at", "-pk"))
        return [
            {
                "receiver": self.link(
                    viewer, ReceiverFailure, visible(failure.receiver), failure.pk
                ),
                "error": error_shown(failure, is_masked),
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
        self, problems: Iterable[dict[str, str]], count: int, most: int = MAX_PROBLEMS
    ) -> Any:
        """Return some problems as a list, with the count of the others."""
        rows = [
            (
                visible(problem["path"] or gettext("the whole body")),
                visible(problem["code"]),
                gettext("expected: %(expected)s") % {"expected": expected(problem)},
            )
            for problem in list(problems)[:most]
        ]
        items = format_html_join("", "<li><strong>{}</strong>: <code>{}</code>, {}</li>", rows)
        if count > len(rows):
            more = ngettext("%(count)d more", "%(count)d more", count - len(rows))
            items = format_html("{}<li>{}</li>", items, more % {"count": count - len(rows)})
        return format_html('<ul class="pickyassist-problems">{}</ul>', items)

    def _last_line(self, http_request: HttpRequest, error: str) -> str:
        before, _newline, line = error.rstrip().rpartition("\n")
        if not line or "error" not in self.masks(http_request):
            return shortened(line)
        # Only a line after one of the code: others are of the error's text.
        is_first = before.rpartition("\n")[2].startswith("  ")
        match = _EXCEPTION.match(line) if is_first else None
        return match[1] if match else masking.HIDDEN


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
        return gettext("The next attempt is due: a worker will make it.")
    facts = {"time": local_time(request.due_at), "most": app_settings.max_attempts}
    text = gettext("The next attempt is at %(time)s. There are up to %(most)d attempts.")
    return text % facts
