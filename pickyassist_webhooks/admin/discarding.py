"""Discards many requests with one reason, after their count was shown."""

from __future__ import annotations

import time
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from .. import ingest
from ..choices import RequestState
from ..exceptions import NothingToDiscard, RequestInWork
from ..models import WebhookRequest
from ..permissions import DISCARD
from .base import ReadOnlyAdmin
from .labels import grouped

#: Characters of a reason.
MAX_REASON = 200

#: Seconds of work for which browsers and proxies wait.
SECONDS = 10.0

_FINISHED = (RequestState.DONE, RequestState.DISCARDED)


class DiscardingAdmin(ReadOnlyAdmin):
    def has_discard_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(DISCARD)

    @admin.action(permissions=["discard"], description=_("Discard selected requests"))
    def discard_selected(
        self, http_request: HttpRequest, queryset: QuerySet[WebhookRequest]
    ) -> HttpResponse | None:
        """Show how many requests are selected, then discard them all with one reason."""
        rows = queryset.exclude(state__in=_FINISHED)
        asked = http_request.POST
        reason = asked.get("reason", "").strip()[:MAX_REASON]
        if reason and asked.get("last", "").isdecimal():
            # Those that came after the count wait for the next one.
            self._discard_all(http_request, rows.filter(pk__lte=int(asked["last"][:18])), reason)
            return None
        counts = rows.order_by("state").values_list("state").annotate(count=Count("pk"))
        by_state = [(RequestState(state).label, grouped(count)) for state, count in counts]
        count = sum(count for _state, count in counts)
        if not count:
            self.message_user(
                http_request, gettext("Nothing is left to do for these requests."), messages.WARNING
            )
            return None
        return self.page(
            http_request,
            "discard.html",
            title=gettext("Discard requests"),
            count=count,
            shown_count=grouped(count),
            by_state=by_state,
            # The rows of the page; the filters of the URL select them again.
            selected=asked.getlist(ACTION_CHECKBOX_NAME),
            select_across=asked.get("select_across", "0"),
            last=rows.order_by("-pk").values_list("pk", flat=True)[0],
            action_checkbox_name=ACTION_CHECKBOX_NAME,
            max_reason=MAX_REASON,
            here=http_request.get_full_path(),
        )

    def _discard_all(
        self, http_request: HttpRequest, rows: QuerySet[WebhookRequest], reason: str
    ) -> None:
        ends = time.monotonic() + SECONDS
        # The ids first: a discarded request may leave the filter.
        pks = list(rows.order_by("pk").values_list("pk", flat=True))
        discarded = skipped = 0
        for pk in pks:
            if time.monotonic() > ends:
                break
            try:
                request = ingest.discard(pk, http_request.user.get_username(), reason)
            except (RequestInWork, NothingToDiscard, WebhookRequest.DoesNotExist):
                skipped += 1
                continue
            discarded += 1
            self.log_change(http_request, request, f"{gettext('Discard')}: {reason}")
        self._tell(http_request, discarded, skipped, left=len(pks) - discarded - skipped)

    def _tell(self, http_request: HttpRequest, discarded: int, skipped: int, left: int) -> None:
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
            (
                left,
                ngettext(
                    "%(count)s is left: select it again.",
                    "%(count)s are left: select them again.",
                    left,
                ),
            ),
        ]
        sentences = [text % {"count": grouped(count)} for count, text in counts if count]
        level = messages.WARNING if skipped or left else messages.SUCCESS
        self.message_user(http_request, " ".join(sentences), level)
