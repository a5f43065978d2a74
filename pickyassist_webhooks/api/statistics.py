"""The overview's statistics for the API, from the same code as the admin page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from drf_spectacular.utils import inline_serializer
from rest_framework import serializers

from ..insights import deliveries, errors, latency, overview
from ..insights.conversations import conversations
from ..models import MODELS, ChatMessage, Message, NewSubscriber, ReceiverFailure, WebhookRequest
from ..permissions import VIEW_PERSONAL_DATA, to_view
from .fields import Explanation


def statistics(days: int, may: Callable[[str], bool]) -> dict[str, Any]:
    """Return the statistics of the latest days; a part is null if the user may not view it."""
    period = overview.latest_days(days)
    since = period[0]

    def part(model: Any, read: Callable[[], Any]) -> Any:
        return read() if may(to_view(model)) else None

    counts = overview.counts(since, lambda model: may(to_view(model)))
    return {
        "days": days,
        "since": since,
        "kinds": _kinds(period, may),
        "messages": part(Message, lambda: overview.funnel(since)),
        "deliveries": part(Message, lambda: deliveries.deliveries(period)),
        "conflicts": part(Message, lambda: counts.conflicts),
        "conversations": part(ChatMessage, lambda: conversations(since, counts.directions)),
        "errors": part(Message, lambda: errors.errors(since, may(VIEW_PERSONAL_DATA))),
        "requests": part(WebhookRequest, lambda: counts.states),
        "waiting_since": part(WebhookRequest, overview.waiting_since),
        "latencies": part(WebhookRequest, latency.latencies),
        "receivers": part(ReceiverFailure, overview.failing_receivers),
        "channels": part(
            NewSubscriber,
            lambda: [{"channel": name, "count": count} for name, count in counts.channels],
        ),
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


class PeriodSerializer(serializers.Serializer[Any]):
    days = serializers.IntegerField(default=30, min_value=1, max_value=90)


class DaySerializer(serializers.Serializer[Any]):
    day = serializers.DateField()
    count = serializers.IntegerField()


class TrafficSerializer(serializers.Serializer[Any]):
    last_at = serializers.DateTimeField(allow_null=True)
    count = serializers.IntegerField()
    per_day = DaySerializer(many=True)


class DeliverySerializer(serializers.Serializer[Any]):
    name = serializers.CharField(allow_blank=True)
    submitted = serializers.IntegerField()
    failed = serializers.IntegerField()
    rate = serializers.FloatField()
    change = serializers.FloatField(allow_null=True)


class DeliveriesSerializer(serializers.Serializer[Any]):
    countries = DeliverySerializer(many=True)
    channels = DeliverySerializer(many=True)
    is_cut = serializers.BooleanField()


class LatencySerializer(serializers.Serializer[Any]):
    receiver = serializers.CharField(allow_blank=True)
    count = serializers.IntegerField()
    p50 = serializers.FloatField()
    p95 = serializers.FloatField()
    last = serializers.FloatField()
    longest = serializers.FloatField()
    slowest = serializers.IntegerField()


class ConversationsSerializer(serializers.Serializer[Any]):
    received = serializers.IntegerField()
    sent = serializers.IntegerField()
    questions = serializers.IntegerField()
    answered = serializers.IntegerField()
    seconds_to_answer = serializers.FloatField(allow_null=True)


class ErrorCountSerializer(serializers.Serializer[Any]):
    error_code = serializers.CharField(source="code")
    error_explanation = Explanation(source="code")
    error_message = serializers.CharField(source="text")
    count = serializers.IntegerField()


class ReceiverCountSerializer(serializers.Serializer[Any]):
    receiver = serializers.CharField()
    count = serializers.IntegerField()
    last_at = serializers.DateTimeField()


class ChannelCountSerializer(serializers.Serializer[Any]):
    channel = serializers.CharField(allow_blank=True)
    count = serializers.IntegerField()


class StatisticsSerializer(serializers.Serializer[Any]):
    days = serializers.IntegerField()
    since = serializers.DateField()
    kinds = serializers.DictField(child=TrafficSerializer(allow_null=True))
    messages = inline_serializer(
        "Funnel",
        {count.name: serializers.IntegerField() for count in fields(overview.Funnel)},
        allow_null=True,
    )
    deliveries = DeliveriesSerializer(allow_null=True)
    conflicts = serializers.IntegerField(allow_null=True)
    conversations = ConversationsSerializer(allow_null=True)
    errors = ErrorCountSerializer(many=True, allow_null=True)
    requests = serializers.DictField(child=serializers.IntegerField(), allow_null=True)
    waiting_since = serializers.DateTimeField(allow_null=True)
    latencies = LatencySerializer(many=True, allow_null=True)
    receivers = ReceiverCountSerializer(many=True, allow_null=True)
    channels = ChannelCountSerializer(many=True, allow_null=True)
