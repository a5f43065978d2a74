"""Processes many requests again, each by itself, and reports the results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from .. import ingest
from ..choices import RequestState
from ..exceptions import BodyErased, RequestInWork
from ..models import WebhookRequest
from ..models.requests import requests
from ..permissions import REPLAY, RETRY
from .bulk import BulkAdmin, Question

#: States of requests that can have failed receivers.
_WITH_FAILURES = (RequestState.FAILING, RequestState.DEAD)


class ReplayingAdmin(BulkAdmin):
    def has_replay_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(REPLAY)

    @admin.action(permissions=["replay"], description=_("Process selected requests again"))
    def process_again(
        self, http_request: HttpRequest, queryset: QuerySet[WebhookRequest]
    ) -> HttpResponse | None:
        run = partial(self.replay, http_request)
        return self.ask_first(http_request, queryset, _PROCESS, run)

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(RETRY)

    @admin.action(
        permissions=["retry"], description=_("Call failed receivers of selected requests again")
    )
    def call_receivers_again(
        self, http_request: HttpRequest, queryset: QuerySet[WebhookRequest]
    ) -> HttpResponse | None:
        rows = queryset.filter(state__in=_WITH_FAILURES)
        run = partial(self.replay, http_request, only_failed_receivers=True)
        return self.ask_first(http_request, rows, _CALL, run)

    def replay(
        self,
        http_request: HttpRequest,
        pks: Iterable[int],
        stop: Callable[[], bool] = lambda: False,
        only_failed_receivers: bool = False,
    ) -> int | None:
        """Replay requests until ``stop`` returns true, show the results, and return the last id.

        An error of one request does not stop the others.
        """
        outcomes: Counter[str] = Counter()
        skipped = 0
        last = None
        processed = gettext("Processed again: %(state)s.")
        called = gettext("Failed receivers called again: %(state)s.")
        for pk in pks:
            if stop():
                break
            last = pk
            try:
                operator = http_request.user.get_username()
                replayed = ingest.replay(pk, operator, only_failed_receivers)
            except (RequestInWork, BodyErased, WebhookRequest.DoesNotExist):
                skipped += 1
                continue
            # None: a worker was faster, and does it now.
            state = RequestState(replayed.state if replayed else RequestState.RECEIVED)
            outcomes[state] += 1
            if row := replayed or requests().only("kind", "token").filter(pk=pk).first():
                change = called if only_failed_receivers else processed
                self.log_change(http_request, row, change % {"state": state.label})
        self._report(http_request, outcomes, skipped, only_failed_receivers)
        return last

    def _report(
        self,
        http_request: HttpRequest,
        outcomes: Counter[str],
        skipped: int,
        only_failed_receivers: bool,
    ) -> None:
        count = outcomes.total()
        sentences = []
        if count:
            states = "; ".join(
                f"{RequestState(state).label}: {number}" for state, number in outcomes.items()
            )
            done = _called_again(count) if only_failed_receivers else _processed_again(count)
            sentences.append(done % {"count": count, "states": states})
        if skipped:
            why = _without_failures(skipped) if only_failed_receivers else _not_possible(skipped)
            sentences.append(why % {"count": skipped})
        if sentences:
            is_fine = not skipped and set(outcomes) == {RequestState.DONE}
            level = messages.SUCCESS if is_fine else messages.WARNING
            self.message_user(http_request, " ".join(sentences), level)


def _processed_again(count: int) -> str:
    return ngettext(
        "%(count)d request was processed again (%(states)s).",
        "%(count)d requests were processed again (%(states)s).",
        count,
    )


def _called_again(count: int) -> str:
    return ngettext(
        "The failed receivers of %(count)d request were called again (%(states)s).",
        "The failed receivers of %(count)d requests were called again (%(states)s).",
        count,
    )


def _not_possible(count: int) -> str:
    return ngettext(
        "%(count)d request was skipped: in progress, deleted or erased.",
        "%(count)d requests were skipped: in progress, deleted or erased.",
        count,
    )


def _without_failures(count: int) -> str:
    return ngettext(
        "%(count)d request was skipped: in progress, deleted or without a failed receiver.",
        "%(count)d requests were skipped: in progress, deleted or without a failed receiver.",
        count,
    )


def _process_sentence(count: int) -> str:
    return ngettext(
        "%(count)s request will be processed again:",
        "%(count)s requests will be processed again:",
        count,
    )


def _process_button(count: int) -> str:
    return ngettext("Process %(count)s request again", "Process %(count)s requests again", count)


_PROCESS = Question(
    "process_again",
    _("Process again"),
    _process_sentence,
    _(
        "Requests are processed again from their bytes, the oldest first. Stored events stay and"
        " are not stored twice. Receivers are called again, with is_replay=True. If it takes long,"
        " this page returns and shows how many are left."
    ),
    _process_button,
)


def _call_sentence(count: int) -> str:
    return ngettext(
        "The failed receivers of %(count)s request will be called again:",
        "The failed receivers of %(count)s requests will be called again:",
        count,
    )


def _call_button(count: int) -> str:
    return ngettext(
        "Call the receivers of %(count)s request", "Call the receivers of %(count)s requests", count
    )


_CALL = Question(
    "call_receivers_again",
    _("Call failed receivers again"),
    _call_sentence,
    _(
        "The oldest first; receivers that succeeded are not called. If it takes long, this page"
        " returns and shows how many are left."
    ),
    _call_button,
)
