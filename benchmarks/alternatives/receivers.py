from __future__ import annotations

from typing import Any

from anymail.signals import tracking
from django.dispatch import receiver

from pickyassist_webhooks.signals import delivery_received, message_received

from .models import TrackingEvent


@receiver(tracking)
def keep_event(event: Any, **named: Any) -> None:
    """Store each event once, as most projects do."""
    TrackingEvent.objects.get_or_create(
        event_id=event.event_id,
        defaults={
            "message_id": event.message_id,
            "event_type": event.event_type,
            "recipient": event.recipient,
            "timestamp": event.timestamp,
            "payload": event.esp_event,
        },
    )


@receiver([delivery_received, message_received])
def hear(**named: Any) -> None:
    """Do nothing: the work of a receiver is not measured."""
