"""Serializers for the statistics of the overview."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from drf_spectacular.utils import inline_serializer
from rest_framework import serializers

from ..insights.overview import Funnel
from .fields import Explanation


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
        {count.name: serializers.IntegerField() for count in fields(Funnel)},
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
