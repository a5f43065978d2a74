"""The part of the overview that tells what is slow."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext

from ..insights.latency import latencies
from ..insights.overview import SAMPLE, TOP
from ..models import WebhookRequest
from ..parsing.characters import visible
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
