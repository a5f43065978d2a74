"""What this project does about each event: the way to write receivers of your own.

* ``event`` is the row, already committed. Take the other keywords you need by name, and
  ``**kwargs`` for those that later versions add.
* Each new event comes at least once: after a crash it may come again, so write what can be done
  twice. Here that is a set, in a real project mostly an ``update()`` or a ``get_or_create()``.
* A receiver that raises is recorded and called again later; the other receivers run all the same.
* Log ids, never numbers, names or texts: those are somebody's personal data.
"""

from __future__ import annotations

import logging
from typing import Any

from django.dispatch import receiver

from pickyassist_webhooks.models import (
    DeliveryReport,
    FilterReport,
    GroupMemberEvent,
    Message,
    NewSubscriber,
)
from pickyassist_webhooks.signals import (
    delivery_received,
    member_exited,
    member_joined,
    message_status_changed,
    number_filtered,
    subscriber_added,
)

logger = logging.getLogger(__name__)

#: (name of the receiver, key of the event): what this process has seen. The demo looks here.
seen: set[tuple[str, int]] = set()


@receiver(delivery_received)
def log_report(event: DeliveryReport, **kwargs: Any) -> None:
    logger.info("Report %s: message %s has status %s", event.pk, event.msg_id, event.status)
    seen.add(("log_report", event.pk))


@receiver(message_status_changed)
def follow_message(event: DeliveryReport, message: Message, **kwargs: Any) -> None:
    # The reference number is what you gave to the Push API, so it leads to an order of yours.
    logger.info("%s is now %s", message.reference_number, message.get_status_display())
    seen.add(("follow_message", event.pk))


@receiver(number_filtered)
def note_verdict(event: FilterReport, **kwargs: Any) -> None:
    logger.info("Filter report %s: %s", event.pk, event.get_status_display())
    seen.add(("note_verdict", event.pk))


@receiver([member_joined, member_exited])
def count_members(event: GroupMemberEvent, **kwargs: Any) -> None:
    logger.info("Group %s: one member %s", event.group_id, event.get_action_display())
    seen.add(("count_members", event.pk))


@receiver(subscriber_added)
def welcome(event: NewSubscriber, **kwargs: Any) -> None:
    logger.info("New subscriber %s on channel %s", event.subscriber_id, event.channel)
    seen.add(("welcome", event.pk))
