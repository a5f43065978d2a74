"""A receiver of each signal, which writes a line about what came."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.dispatch import receiver

from pickyassist_webhooks.models import (
    DeliveryReport,
    FilterReport,
    GroupMemberEvent,
    Message,
    NewSubscriber,
    WebhookRequest,
)
from pickyassist_webhooks.signals import (
    delivery_received,
    member_exited,
    member_joined,
    message_status_changed,
    number_filtered,
    subscriber_added,
    webhook_quarantined,
)


def write(line: str) -> None:
    with Path("came.txt").open("a", encoding="utf-8") as file:
        file.write(line + "\n")


@receiver(delivery_received)
def note_report(event: DeliveryReport, message: Message | None, **named: Any) -> None:
    write(f"delivery_received {event.msg_id} {message.reference_number if message else None}")


@receiver(message_status_changed)
def note_status(
    sender: type[DeliveryReport],
    request: WebhookRequest,
    is_replay: bool,
    event: DeliveryReport,
    message: Message,
    previous_status: int | None,
    **named: Any,
) -> None:
    write(f"message_status_changed {previous_status} {message.get_status_display()}")


@receiver(number_filtered)
def note_number(event: FilterReport, **named: Any) -> None:
    write(f"number_filtered {event.number} {event.get_status_display()}")


@receiver([member_joined, member_exited])
def note_member(event: GroupMemberEvent, **named: Any) -> None:
    write(f"member_{event.get_action_display()} {event.group_id}")


@receiver(subscriber_added)
def note_subscriber(event: NewSubscriber, **named: Any) -> None:
    write(f"subscriber_added {event.subscriber_id} {event.name}")


@receiver(webhook_quarantined)
def note_quarantine(request: WebhookRequest, is_replay: bool, **named: Any) -> None:
    write(f"webhook_quarantined {request.get_state_display()} {is_replay}")
