"""The receivers of the shop: a model for your own receivers.

* ``event`` is the row, already committed. Name the other keywords that you need, and add
  ``**kwargs`` for those of later versions.
* Each new event arrives at least once. After a crash it can arrive again, late, or at the same time
  as a newer one. So a receiver only learns that something changed: it locks its own row and reads
  the current state (in models.py). The result is the same if it runs twice or in another order. A
  single statement, such as adding a missing row, needs no lock.
* If a receiver raises, the failure is stored and the receiver is called again later. The other
  receivers run anyway.
* Log ids, never numbers, names or texts: those are personal data.
"""

from __future__ import annotations

import logging
from typing import Any

from django.db import transaction
from django.dispatch import receiver

from example_project.shop.models import Customer, Order
from pickyassist_webhooks.models import FilterReport, GroupMemberEvent, Message, NewSubscriber
from pickyassist_webhooks.signals import (
    member_exited,
    member_joined,
    message_received,
    message_status_changed,
    number_filtered,
    subscriber_added,
)

logger = logging.getLogger(__name__)


@receiver(message_status_changed)
@transaction.atomic
def follow_message(message: Message, **kwargs: Any) -> None:
    # One order or none: not every message is about an order.
    for order in Order.objects.select_for_update().filter(number=message.reference_number):
        order.follow_messages()
        logger.info("Order %s is %s", order.pk, order.delivery)


@receiver(message_received)
@transaction.atomic
def follow_answer(answers: Message | None, **kwargs: Any) -> None:
    if answers is None or not answers.reference_number:
        return  # not an answer to a message about an order
    for order in Order.objects.select_for_update().filter(number=answers.reference_number):
        order.follow_replies()
        logger.info("Order %s: cancel requested: %s", order.pk, order.cancel_requested)


@receiver(number_filtered)
@transaction.atomic
def note_verdict(event: FilterReport, **kwargs: Any) -> None:
    for customer in Customer.objects.select_for_update().filter(number=event.number):
        customer.ask_for_verdict()
        logger.info("Customer %s is on WhatsApp: %s", customer.pk, customer.on_whatsapp)


@receiver([member_joined, member_exited])
@transaction.atomic
def note_membership(event: GroupMemberEvent, **kwargs: Any) -> None:
    for customer in Customer.objects.select_for_update().filter(number=event.number):
        customer.ask_for_membership(event.group_id)
        logger.info("Customer %s is in our group: %s", customer.pk, customer.in_group)


@receiver(subscriber_added)
def add_customer(event: NewSubscriber, **kwargs: Any) -> None:
    if not event.number:
        return  # some channels do not send a number
    customer, _ = Customer.objects.get_or_create(number=event.number, defaults={"name": event.name})
    logger.info("Subscriber %s is customer %s", event.pk, customer.pk)
