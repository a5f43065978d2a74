"""Processing many requests again, each by itself, with an account of what became of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from .. import ingest
from ..choices import RequestState
from ..exceptions import BodyErased, RequestInWork
from ..models import WebhookRequest
from ..permissions import REPLAY
from .base import ReadOnlyAdmin


class ReplayingAdmin(ReadOnlyAdmin):
    actions = ("process_again",)

    def has_replay_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(REPLAY)

    @admin.action(permissions=["replay"], description=_("Process selected requests again"))
    def process_again(self, http_request: HttpRequest, queryset: QuerySet[WebhookRequest]) -> None:
        # Read before the first replay, which may take rows out of the filter; in the order kept.
        self.replay(http_request, list(queryset.order_by("pk").values_list("pk", flat=True)))

    def replay(
        self,
        http_request: HttpRequest,
        pks: Iterable[int],
        stop: Callable[[], bool] = lambda: False,
    ) -> int | None:
        """Replay requests until ``stop`` says so, say what became of them; return the last one.

        What one of them raises costs no other its turn.
        """
        outcomes: Counter[str] = Counter()
        in_work = 0
        last = None
        for pk in pks:
            if stop():
                break
            last = pk
            try:
                replayed = ingest.replay(pk, http_request.user.get_username())
            except (RequestInWork, BodyErased, WebhookRequest.DoesNotExist):
                in_work += 1
                continue
            # None: a worker was faster, and is doing what was asked for.
            state = RequestState(replayed.state if replayed else RequestState.RECEIVED)
            outcomes[state] += 1
            if row := replayed or ingest.requests().only("kind", "token").filter(pk=pk).first():
                said = gettext("Processed again, now: %(state)s.") % {"state": state.label}
                self.log_change(http_request, row, said)
        self._report(http_request, outcomes, in_work)
        return last

    def _report(self, http_request: HttpRequest, outcomes: Counter[str], in_work: int) -> None:
        count = outcomes.total()
        sentences = []
        if count:
            states = "; ".join(
                f"{RequestState(state).label}: {number}" for state, number in outcomes.items()
            )
            sentences.append(
                ngettext(
                    "%(count)d request was processed again (%(states)s).",
                    "%(count)d requests were processed again (%(states)s).",
                    count,
                )
                % {"count": count, "states": states}
            )
        if in_work:
            sentences.append(
                ngettext(
                    "%(count)d request was left alone: a worker holds it, or it is gone or erased.",
                    "%(count)d requests were left alone: a worker holds them, or they are gone or "
                    "erased.",
                    in_work,
                )
                % {"count": in_work}
            )
        fine = not in_work and set(outcomes) == {RequestState.DONE}
        level = messages.SUCCESS if fine else messages.WARNING
        self.message_user(http_request, " ".join(sentences), level)
