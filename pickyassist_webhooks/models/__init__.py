from .events import DeliveryReport, Event, FilterReport, GroupMemberEvent, NewSubscriber
from .messages import Message
from .requests import ReceiverFailure, WebhookRequest

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
    "Message",
    "NewSubscriber",
    "ReceiverFailure",
    "WebhookRequest",
]
