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
    """Return the dotted path, of at most 255 characters, by which every process knows it."""
    named = receiver if hasattr(receiver, "__qualname__") else type(receiver)
    return f"{named.__module__}.{named.__qualname__}"[-255:]


class Signal(dispatch.Signal):
    """A Django signal that tells which receivers raised, and can call one without the others."""

    def send_to_each(
        self, sender: Any, only: str | None = None, **named: Any
    ) -> list[tuple[str, Exception | None]]:
        """Call each receiver and return its dotted path with what it raised, or ``None``.

        With ``only`` set to a dotted path no other is called; an empty list then means that it
        is not connected any more. ``send_robust`` cannot do that, and itself raises where the
        receiver that raised is an object or a partial, which have no name of their own.
        """
        # Django has no public way to ask for the receivers of a sender.
        plain, asynchronous = self._live_receivers(sender)
        calls: list[tuple[Any, Callable[..., Any]]] = [(receiver, receiver) for receiver in plain]
        calls += [(receiver, async_to_sync(receiver)) for receiver in asynchronous]
        outcomes: list[tuple[str, Exception | None]] = []
        for receiver, call in calls:
            path = dotted_path(receiver)
            if only not in (None, path):
                continue
            try:
                call(signal=self, sender=sender, **named)
            except Exception as err:
                outcomes.append((path, err))
            else:
                outcomes.append((path, None))
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
