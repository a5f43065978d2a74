"""The overview's statistics for the API, from the same code as the admin page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..insights import conversations, deliveries, errors, latency, overview
from ..models import MODELS, ChatMessage, Message, NewSubscriber, ReceiverFailure, WebhookRequest
from ..permissions import VIEW_PERSONAL_DATA, to_view


def statistics(days: int, may: Callable[[str], bool]) -> dict[str, Any]:
    """Return the statistics of the latest days; a part is null if the user may not view it."""
    period = overview.latest_days(days)
    since = period[0]

    def part(model: Any, read: Callable[[], Any]) -> Any:
        return read() if may(to_view(model)) else None

    return {
        "days": days,
        "since": since,
        "kinds": _kinds(period, may),
        "messages": part(Message, lambda: overview.funnel(since)),
        "deliveries": part(Message, lambda: deliveries.deliveries(period)),
        "conflicts": part(Message, overview.conflicts),
        "conversations": part(ChatMessage, lambda: conversations.conversations(since)),
        "errors": part(Message, lambda: errors.errors(since, may(VIEW_PERSONAL_DATA))),
        "requests": part(WebhookRequest, overview.states),
        "waiting_since": part(WebhookRequest, overview.waiting_since),
        "latencies": part(WebhookRequest, latency.latencies),
        "receivers": part(ReceiverFailure, overview.failing_receivers),
        "channels": part(NewSubscriber, lambda: _channels(since)),
    }


def _kinds(period: Any, may: Callable[[str], bool]) -> dict[str, Any]:
    shown = {kind: model for kind, model in MODELS.items() if may(to_view(model))}
    traffic = zip(shown, overview.traffic_of(list(shown.values()), period), strict=True)
    return dict.fromkeys(MODELS) | {kind: _traffic(each, period) for kind, each in traffic}


def _traffic(traffic: overview.Traffic, period: Any) -> dict[str, Any]:
    counts = zip(period, traffic.per_day, strict=True)
    return {
        "last_at": traffic.last_at,
        "count": sum(traffic.per_day),
        "per_day": [{"day": day, "count": count} for day, count in counts],
    }


def _channels(since: Any) -> list[dict[str, Any]]:
    return [{"channel": name, "count": count} for name, count in overview.channels(since)]
