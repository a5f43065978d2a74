"""The signals of this app: one for each new event, sent after its row is committed.

Every receiver gets ``request`` (the ``WebhookRequest``) and ``is_replay`` (``True`` where a
person had the request processed again). The sender is the model of the event.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asgiref.sync import async_to_sync
from django import dispatch


def dotted_path(receiver: Any) -> str:
    """Return the dotted path by which a receiver is known across processes."""
    named = receiver if hasattr(receiver, "__qualname__") else type(receiver)
    return f"{named.__module__}.{named.__qualname__}"


class Signal(dispatch.Signal):
    """A Django signal one receiver of which can be called without the others."""

    def send_robust_to(self, path: str, sender: Any, **named: Any) -> list[Exception | None]:
        """Call the receivers known as ``path`` and return what each raised, or ``None``.

        An empty list means that no such receiver is connected any more.
        """
        # Django has no public way to ask for the receivers of a sender.
        plain, asynchronous = self._live_receivers(sender)
        calls: list[tuple[Any, Callable[..., Any]]] = [(receiver, receiver) for receiver in plain]
        calls += [(receiver, async_to_sync(receiver)) for receiver in asynchronous]
        outcomes: list[Exception | None] = []
        for receiver, call in calls:
            if dotted_path(receiver) != path:
                continue
            try:
                call(signal=self, sender=sender, **named)
            except Exception as err:
                outcomes.append(err)
            else:
                outcomes.append(None)
        return outcomes


# event: DeliveryReport; message: Message, or None where the vendor gave no msg_id
delivery_received = Signal(use_caching=True)

# event: FilterReport
number_filtered = Signal(use_caching=True)

# event: GroupMemberEvent
member_joined = Signal(use_caching=True)
member_exited = Signal(use_caching=True)

# event: NewSubscriber
subscriber_added = Signal(use_caching=True)

# event: DeliveryReport; message: Message; previous_status: int, or None for the first report.
# Sent only where the status of the message really rose.
message_status_changed = Signal(use_caching=True)

# No event: nothing of this request was understood. The sender is WebhookRequest.
webhook_quarantined = Signal(use_caching=True)
