"""The models: requests, events, messages, pushes, failed receivers, health; columns and keys."""

from .alarms import Alarm
from .chat import ChatMessage
from .events import Event
from .failures import ReceiverFailure
from .groups import GroupMemberEvent
from .heartbeats import Heartbeat
from .messages import Message
from .pushes import Push
from .rates import CallRate
from .refusals import RefusalCount
from .reports import DeliveryReport, FilterReport
from .requests import WebhookRequest
from .streams import EventStream
from .subscribers import NewSubscriber

# ``objects`` is annotated as its queryset: without the annotation only mypy's plugin for Django
# finds the methods of a queryset in such a manager.

#: The model of each kind of event.
MODELS: dict[str, type[Event]] = {
    model.kind: model
    for model in (DeliveryReport, FilterReport, GroupMemberEvent, NewSubscriber, ChatMessage)
}

__all__ = [
    "MODELS",
    "Alarm",
    "CallRate",
    "ChatMessage",
    "DeliveryReport",
    "Event",
    "EventStream",
    "FilterReport",
    "GroupMemberEvent",
    "Heartbeat",
    "Message",
    "NewSubscriber",
    "Push",
    "ReceiverFailure",
    "RefusalCount",
    "WebhookRequest",
]
