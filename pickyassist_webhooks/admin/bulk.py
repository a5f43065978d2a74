"""Operations on many requests: their count is shown first, and a slow one continues on demand."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ..choices import RequestState
from ..models import WebhookRequest
from ..models.ids import id_of
from ..models.requests import requests
from ..permissions import DISCARD, REPLAY, RETRY
from .base import ReadOnlyAdmin
from .labels import Grouped, grouped
from .lists import MAX_COUNTED
from .operations import CALL_AGAIN, DISCARD_THEM, FINISHED, NOT_POSSIBLE, PROCESS_AGAIN, Operation

#: Characters of a reason.
MAX_REASON = 200

#: Seconds of work for which browsers and proxies wait.
SECONDS = 10.0


def asking(operation: Operation, description: Any) -> Any:
    """Return the action of a list that asks first, then does the operation."""

    @admin.action(permissions=[operation.name], description=description)
    def action(bulk_admin: Any, http_request: HttpRequest, rows: QuerySet[Any]) -> Any:
        return bulk_admin.ask_first(http_request, rows, operation)

    return action


class BulkAdmin(ReadOnlyAdmin):
    def has_replay_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(REPLAY)

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(RETRY)

    def has_discard_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(DISCARD)

    process_again = asking(PROCESS_AGAIN, _("Process selected requests again"))
    call_receivers_again = asking(CALL_AGAIN, _("Call failed receivers of selected requests again"))
    discard_selected = asking(DISCARD_THEM, _("Discard selected requests"))

    def most_selected(self, request: HttpRequest) -> int | None:
        are_ours = set(request.POST.getlist("action")) <= {*map(str, self.actions or ())}
        # Ours process a part at a time.
        return None if are_ours else super().most_selected(request)

    def ask_first(
        self,
        http_request: HttpRequest,
        rows: QuerySet[WebhookRequest],
        operation: Operation,
        **context: Any,
    ) -> HttpResponse | None:
        """Show how many requests there are, and do it once that was answered.

        Those that came after the count wait for the next one. ``context`` is for the page.
        """
        asked = http_request.POST
        after, last = (id_of(asked.get(name, "")) or 0 for name in ("after", "last"))
        rows = rows.filter(operation.chosen)
        if last and operation.needs_reason and not reason_of(http_request):
            self.message_user(http_request, gettext("A reason is needed."), messages.ERROR)
        elif last:
            rows = rows.filter(pk__lte=last)
            # The ids first: a request may leave the filter.
            pks = rows.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)
            if chosen := list(pks[:MAX_COUNTED]):
                after = self._carry_out_in_time(http_request, operation, chosen, after)
                if not pks.filter(pk__gt=after).exists():
                    return None
        return self._ask(http_request, rows.filter(pk__gt=after), operation, after, context)

    def _ask(
        self,
        http_request: HttpRequest,
        rows: QuerySet[WebhookRequest],
        operation: Operation,
        after: int,
        context: dict[str, Any],
    ) -> HttpResponse | None:
        counts = rows.order_by("state").values_list("state").annotate(count=Count("pk"))
        by_state = [(RequestState(state).label, grouped(count)) for state, count in counts]
        count = Grouped(sum(count for _state, count in counts))
        if not count:
            nothing = gettext("Nothing is left to do for these requests.")
            self.message_user(http_request, nothing, messages.WARNING)
            return None
        return self.page(
            http_request,
            "bulk.html",
            title=str(operation.title),  # themes join it with other texts
            operation=operation,
            count=count,
            question=operation.question % {"count": count},
            button=operation.button % {"count": count},
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
            **context,
        )

    def _carry_out_in_time(
        self, http_request: HttpRequest, operation: Operation, pks: Iterable[int], after: int
    ) -> int:
        """Work on requests as long as a browser waits, show the results, and return the last id.

        An error of one request does not stop the others.
        """
        ends = time.monotonic() + SECONDS
        outcomes: Counter[RequestState] = Counter()
        skipped = 0
        for pk in pks:
            if time.monotonic() > ends:
                break
            after = pk
            try:
                outcomes[self.carry_out(http_request, operation, pk)] += 1
            except (*NOT_POSSIBLE, WebhookRequest.DoesNotExist):
                skipped += 1
        self._report(http_request, operation, outcomes, skipped)
        return after

    def carry_out(self, http_request: HttpRequest, operation: Operation, pk: int) -> RequestState:
        """Work on one request, add that to the admin's history, and return the new state."""
        reason = reason_of(http_request)
        request = operation.run(pk, http_request.user.get_username(), reason)
        # If a worker was faster, it does it now.
        state = RequestState(request.state if request else RequestState.RECEIVED)
        if row := request or requests().only("kind", "token").filter(pk=pk).first():
            result = operation.result % {"state": state.label}
            note = f"{result} {reason}" if operation.needs_reason else result
            self.log_change(http_request, row, note)
        return state

    def _report(
        self,
        http_request: HttpRequest,
        operation: Operation,
        outcomes: Counter[RequestState],
        skipped: int,
    ) -> None:
        states = "; ".join(f"{state.label}: {number}" for state, number in outcomes.items())
        texts = ((operation.done, outcomes.total()), (operation.skipped, skipped))
        sentences = [
            text % {"count": Grouped(count), "states": states} for text, count in texts if count
        ]
        if sentences:
            is_fine = not skipped and set(outcomes) <= {*FINISHED}
            level = messages.SUCCESS if is_fine else messages.WARNING
            self.message_user(http_request, " ".join(sentences), level)


def reason_of(http_request: HttpRequest) -> str:
    """Return the reason that a person gave, or a blank text."""
    return http_request.POST.get("reason", "").strip()[:MAX_REASON]
