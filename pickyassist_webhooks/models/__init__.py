from .events import Event
from .failures import ReceiverFailure
from .groups import GroupMemberEvent
from .messages import Message
from .reports import DeliveryReport, FilterReport
from .requests import WebhookRequest
from .subscribers import NewSubscriber

# ``objects`` is annotated as the queryset that it is made of: only mypy's plugin for Django, which
# is not misled by it, finds the methods of a queryset in such a manager.

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
