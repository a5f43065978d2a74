"""Actions on many requests: their count is shown first, and a slow one continues on demand."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext

from ..choices import RequestState
from ..models import WebhookRequest
from .base import ReadOnlyAdmin
from .labels import grouped

#: Characters of a reason.
MAX_REASON = 200

#: Seconds of work for which browsers and proxies wait.
SECONDS = 10.0

#: Works on requests with these ids until the function returns true, and returns the last id.
Run = Callable[[list[int], Callable[[], bool]], "int | None"]


@dataclass(frozen=True)
class Question:
    """The page that asks before an action. ``sentence`` and ``button`` return texts of a count."""

    action: str
    title: Any
    sentence: Callable[[int], str]
    note: Any
    button: Callable[[int], str]
    needs_reason: bool = False
    #: Whether it ends the processing: its button is red.
    is_final: bool = False


class BulkAdmin(ReadOnlyAdmin):
    def ask_first(
        self,
        http_request: HttpRequest,
        rows: QuerySet[WebhookRequest],
        question: Question,
        run: Run,
    ) -> HttpResponse | None:
        """Show how many requests are selected; run the action on them if that was answered.

        Those that came after the count wait for the next one.
        """
        asked = http_request.POST
        after, last = (_number(asked.get(name, "")) for name in ("after", "last"))
        is_answered = last and (not question.needs_reason or reason_of(http_request))
        if is_answered:
            ends = time.monotonic() + SECONDS
            # The ids first: a request may leave the filter.
            chosen = rows.filter(pk__gt=after, pk__lte=last).order_by("pk")
            pks = list(chosen.values_list("pk", flat=True))
            after = run(pks, lambda: time.monotonic() > ends) or after
            if not pks or after >= pks[-1]:
                return None
            rows = rows.filter(pk__lte=last)
        return self._ask(http_request, rows.filter(pk__gt=after), question, after)

    def _ask(
        self,
        http_request: HttpRequest,
        rows: QuerySet[WebhookRequest],
        question: Question,
        after: int,
    ) -> HttpResponse | None:
        counts = rows.order_by("state").values_list("state").annotate(count=Count("pk"))
        by_state = [(RequestState(state).label, grouped(count)) for state, count in counts]
        count = sum(count for _state, count in counts)
        if not count:
            nothing = gettext("Nothing is left to do for these requests.")
            self.message_user(http_request, nothing, messages.WARNING)
            return None
        return self.page(
            http_request,
            "bulk.html",
            title=question.title,
            question=question,
            count=count,
            sentence=question.sentence(count) % {"count": grouped(count)},
            button=question.button(count) % {"count": grouped(count)},
            by_state=by_state,
            # The rows of the page; the filters of the URL select them again.
            selected=http_request.POST.getlist(ACTION_CHECKBOX_NAME),
            select_across=http_request.POST.get("select_across", "0"),
            after=after,
            last=rows.order_by("-pk").values_list("pk", flat=True)[0],
            action_checkbox_name=ACTION_CHECKBOX_NAME,
            reason=reason_of(http_request),
            max_reason=MAX_REASON,
            here=http_request.get_full_path(),
        )


def reason_of(http_request: HttpRequest) -> str:
    """Return the reason that a person gave, or a blank text."""
    return http_request.POST.get("reason", "").strip()[:MAX_REASON]


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0
