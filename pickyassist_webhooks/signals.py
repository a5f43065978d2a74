"""The signals of this app: one for each new event, sent after its row is committed, and alarms.

Every receiver of an event gets ``request`` (the ``WebhookRequest``) and ``is_replay`` (``True`` if
a person asked to process the request again). The sender is the model of the event.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from asgiref.sync import async_to_sync
from django import dispatch


def dotted_path(receiver: Any) -> str:
    """Return the dotted path of a receiver, equal in all processes, at most 250 characters."""
    while isinstance(receiver, partial):
        receiver = receiver.func
    definition = receiver if hasattr(receiver, "__qualname__") else type(receiver)
    return f"{definition.__module__}.{definition.__qualname__}"[-250:]


class Signal(dispatch.Signal):
    """A Django signal that names its receivers, so that one can be called without the others."""

    def receivers_of(self, sender: Any) -> list[tuple[str, Callable[..., Any]]]:
        """Return each receiver's dotted path and its callable, asynchronous ones last.

        ``send_robust`` cannot skip a receiver. It also raises if a failed receiver is an object or
        a partial, which has no ``__qualname__``.
        """
        # Django has no public API for the receivers of a sender.
        plain, asynchronous = self._live_receivers(sender)
        calls: dict[str, Callable[..., Any]] = {}
        for receiver in [*plain, *asynchronous]:
            path = name = dotted_path(receiver)
            number = 1
            # Closures of one decorator and methods of two objects share a path.
            while name in calls:
                number += 1
                name = f"{path}#{number}"
            calls[name] = async_to_sync(receiver) if receiver in asynchronous else receiver
        return list(calls.items())


# event: DeliveryReport; message: Message, or None if the vendor gave no msg_id
delivery_received = Signal(use_caching=True)

# event: FilterReport
number_filtered = Signal(use_caching=True)

# event: GroupMemberEvent
member_joined = Signal(use_caching=True)
member_exited = Signal(use_caching=True)

# event: NewSubscriber
subscriber_added = Signal(use_caching=True)

# event: ChatMessage; answers: the Message that it answers or quotes, or None
message_received = Signal(use_caching=True)
message_sent = Signal(use_caching=True)

# event: DeliveryReport; message: Message; previous_status: int, or None for the first report (-1 if
# its push was recorded). Sent only if the status of the message rose.
message_status_changed = Signal(use_caching=True)

# No event: no part of the payload is valid. The sender is WebhookRequest.
webhook_quarantined = Signal(use_caching=True)

# condition, level and reason, all texts. No event: the sender is None. Sent once when a condition
# of the health report becomes worse, and once when it is ok again.
alarm_raised = dispatch.Signal()
alarm_cleared = dispatch.Signal()
