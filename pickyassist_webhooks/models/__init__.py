"""The models: requests, events, messages, failed receivers; their columns, keys and masks."""

from .events import Event
from .failures import ReceiverFailure
from .groups import GroupMemberEvent
from .heartbeats import Heartbeat
from .messages import Message
from .reports import DeliveryReport, FilterReport
from .requests import WebhookRequest
from .subscribers import NewSubscriber

# ``objects`` is annotated as its queryset: without the annotation only mypy's plugin for Django
# finds the methods of a queryset in such a manager.

#: The model of each kind of event.
MODELS: dict[str, type[Event]] = {
    model.kind: model for model in (DeliveryReport, FilterReport, GroupMemberEvent, NewSubscriber)
}

__all__ = [
    "MODELS",
    "DeliveryReport",
    "Event",
    "FilterReport",
    "GroupMemberEvent",
    "Heartbeat",
    "Message",
    "NewSubscriber",
    "ReceiverFailure",
    "WebhookRequest",
]
