"""Views whose serializers, choices and operations have the same names as ours."""

from django.db import models
from rest_framework import serializers, viewsets
from rest_framework.response import Response

NAMES = [
    *("BadRequest", "ChannelCount", "Day", "DeliveryReport", "Detail", "ErrorCount", "EventKind"),
    *("Extra", "FilterReport", "FollowedRequest", "FollowedRequestPage", "Funnel"),
    *("GroupMemberEvent", "Kind", "Message", "NewSubscriber", "Period", "Problem"),
    *("ReceiverCount", "Replay", "RequestState", "State", "Statistics", "Traffic"),
    *("WebhookAnswer", "WebhookRequest", "WebhookRequestDetail"),
]
PREFIXES = [
    *("delivery-reports", "filter-reports", "group-events", "groups", "messages", "numbers"),
    *("requests", "stats", "subscribers"),
]


class Status(models.TextChoices):
    OPEN = "open"
    CLOSED = "closed"


class Action(models.IntegerChoices):
    START = 1
    STOP = 2


class Theirs(serializers.Serializer):
    status = serializers.ChoiceField(choices=Status.choices)
    action = serializers.ChoiceField(choices=Action.choices)
    state = serializers.ChoiceField(choices=["received", "gone"])
    kind = serializers.ChoiceField(choices=["a", "b"], allow_blank=True)
    note = serializers.CharField(allow_null=True)


def _viewset(name, serializer):
    class TheirViewSet(viewsets.ViewSet):
        """A viewset of the project."""

        authentication_classes = ()
        serializer_class = serializer

        def list(self, request, **kwargs):
            return Response([])

        def create(self, request, **kwargs):
            return Response({})

    return type(f"{name}ViewSet", (TheirViewSet,), {})


def viewsets_of_theirs():
    """Yield a viewset for each name, under the same paths as ours."""
    for position, name in enumerate(NAMES):
        serializer = type(f"{name}Serializer", (Theirs,), {})
        prefix = PREFIXES[position] if position < len(PREFIXES) else name.lower()
        yield prefix, _viewset(name, serializer)
