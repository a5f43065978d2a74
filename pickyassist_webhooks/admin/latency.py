"""Slow receivers: a part of the overview, and the times on the page of a request."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.utils.html import format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ..insights.latency import latencies
from ..insights.overview import SAMPLE, TOP
from ..models import WebhookRequest
from ..parsing.characters import visible
from .base import ReadOnlyAdmin
from .labels import duration, grouped


class LatencyOverview:
    """How long requests and their receivers take."""

    may_view: Any
    _url: Any

    def latency(self) -> dict[str, Any] | None:
        """Return the times of the newest requests and of the slowest receivers, if any."""
        rows = latencies()[: TOP + 1] if self.may_view(WebhookRequest) else []
        if not rows:
            return None
        return {
            "rows": [
                {
                    "name": visible(row.receiver) or gettext("Requests, from received to done"),
                    "count": grouped(row.count),
                    "p50": duration(row.p50),
                    "p95": duration(row.p95),
                    "last": duration(row.last),
                    "longest": duration(row.longest),
                    "url": self._url(WebhookRequest, "change", pk=row.slowest),
                }
                for row in rows
            ],
            "sample": grouped(SAMPLE),
        }


class LatencyAdmin(ReadOnlyAdmin):
    @admin.display(description=_("received to finished"))
    def duration_shown(self, request: WebhookRequest) -> str:
        seconds = request.duration
        return self.get_empty_value_display() if seconds is None else duration(seconds)

    @admin.display(description=_("receivers"))
    def receivers_shown(self, request: WebhookRequest) -> Any:
        times = sorted(request.receiver_seconds.items(), key=lambda pair: -pair[1])
        lines = [(visible(receiver), duration(seconds)) for receiver, seconds in times]
        return format_html_join("", "<div>{}: {}</div>", lines)
