"""What the shop does about each event: the way to write receivers of your own.

* ``event`` is the row, already committed. Take the other keywords you need by name, and
  ``**kwargs`` for those that later versions add.
* Each new event comes at least once: after a crash it may come again, late or beside a newer one.
  So a receiver takes the signal for a hint that something changed, locks its own row, and asks what
  holds now (in models.py). Done twice, or in any order, that ends the same. What is one statement
  anyway, such as adding a row where there is none, needs no lock.
* A receiver that raises is recorded and called again later; the other receivers run all the same.
* Log ids, never numbers, names or texts: those are somebody's personal data.
"""

from __future__ import annotations

import logging
from typing import Any

from django.db import transaction
from django.dispatch import receiver

from example_project.shop.models import Customer, Order
from pickyassist_webhooks.models import (
    FilterReport,
    GroupMemberEvent,
    Message,
    NewSubscriber,
)
from pickyassist_webhooks.signals import (
    member_exited,
    member_joined,
    message_status_changed,
    number_filtered,
    subscriber_added,
)

logger = logging.getLogger(__name__)


@receiver(message_status_changed)
@transaction.atomic
def follow_message(message: Message, **kwargs: Any) -> None:
    # One order or none: not everything that is sent is about an order.
    for order in Order.objects.select_for_update().filter(number=message.reference_number):
        order.follow_messages()
        logger.info("Order %s is %s", order.pk, order.delivery)


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
        return  # some channels do not tell it
    customer, _ = Customer.objects.get_or_create(number=event.number, defaults={"name": event.name})
    logger.info("Subscriber %s is customer %s", event.pk, customer.pk)
