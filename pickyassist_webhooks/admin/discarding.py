"""Discards many requests with one reason."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from .. import ingest
from ..choices import RequestState
from ..exceptions import NothingToDiscard, RequestInWork
from ..models import WebhookRequest
from ..permissions import DISCARD
from .bulk import BulkAdmin, Question, reason_of
from .labels import grouped

_FINISHED = (RequestState.DONE, RequestState.DISCARDED)


class DiscardingAdmin(BulkAdmin):
    def has_discard_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(DISCARD)

    @admin.action(permissions=["discard"], description=_("Discard selected requests"))
    def discard_selected(
        self, http_request: HttpRequest, queryset: QuerySet[WebhookRequest]
    ) -> HttpResponse | None:
        rows = queryset.exclude(state__in=_FINISHED)
        return self.ask_first(http_request, rows, _DISCARD, partial(self._discard, http_request))

    def _discard(
        self, http_request: HttpRequest, pks: list[int], stop: Callable[[], bool]
    ) -> int | None:
        reason = reason_of(http_request)
        discarded = skipped = 0
        last = None
        for pk in pks:
            if stop():
                break
            last = pk
            try:
                request = ingest.discard(pk, http_request.user.get_username(), reason)
            except (RequestInWork, NothingToDiscard, WebhookRequest.DoesNotExist):
                skipped += 1
                continue
            discarded += 1
            self.log_change(http_request, request, f"{gettext('Discard')}: {reason}")
        self._tell(http_request, discarded, skipped)
        return last

    def _tell(self, http_request: HttpRequest, discarded: int, skipped: int) -> None:
        counts: list[tuple[int, Any]] = [
            (
                discarded,
                ngettext(
                    "%(count)s request was discarded.",
                    "%(count)s requests were discarded.",
                    discarded,
                ),
            ),
            (
                skipped,
                ngettext(
                    "%(count)s request was skipped: in progress, deleted or finished.",
                    "%(count)s requests were skipped: in progress, deleted or finished.",
                    skipped,
                ),
            ),
        ]
        sentences = [text % {"count": grouped(count)} for count, text in counts if count]
        if sentences:
            level = messages.WARNING if skipped else messages.SUCCESS
            self.message_user(http_request, " ".join(sentences), level)


def _sentence(count: int) -> str:
    return ngettext(
        "%(count)s request will not be processed any more:",
        "%(count)s requests will not be processed any more:",
        count,
    )


def _button(count: int) -> str:
    return ngettext("Discard %(count)s request", "Discard %(count)s requests", count)


_DISCARD = Question(
    "discard_selected",
    _("Discard requests"),
    _sentence,
    _("Their bytes and events stay, and each can still be processed again."),
    _button,
    needs_reason=True,
    is_final=True,
)
