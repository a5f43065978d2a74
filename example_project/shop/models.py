"""The shop's own data. Its receivers update it when messages change."""

from __future__ import annotations

from django.db import models

from pickyassist_webhooks.choices import DeliveryStatus, Direction, FilterStatus
from pickyassist_webhooks.models import FilterReport, GroupMemberEvent, Message

#: Answers that cancel an order, in lower case.
CANCEL = frozenset({"cancel", "stop"})


class Customer(models.Model):
    number = models.CharField(max_length=255, unique=True)
    name = models.CharField(max_length=255, blank=True)
    on_whatsapp = models.BooleanField("on WhatsApp", null=True, editable=False)
    # This shop has one group. With several groups this would be a model.
    in_group = models.BooleanField("in our group", default=False, editable=False)

    def __str__(self) -> str:
        return self.name or self.number

    def ask_for_verdict(self) -> None:
        """Update whether the number is on WhatsApp, if that is known."""
        verdicts = FilterReport.objects.filter(number=self.number).verdicts()
        statuses = {verdict.status for verdict in verdicts}
        if FilterStatus.ON_WHATSAPP in statuses:
            self.on_whatsapp = True
        elif FilterStatus.NOT_ON_WHATSAPP in statuses:
            self.on_whatsapp = False
        self.save(update_fields=["on_whatsapp"])

    def ask_for_membership(self, group_id: str) -> None:
        """Update whether the customer is in a group now."""
        members = GroupMemberEvent.objects.members_of(group_id)
        self.in_group = members.filter(number=self.number).exists()
        self.save(update_fields=["in_group"])


class Order(models.Model):
    """An order, the delivery of the messages about it, and the customer's answer."""

    class Delivery(models.TextChoices):
        WAITING = "waiting", "no report yet"
        SUBMITTED = "submitted"
        FAILED = "failed"
        DELIVERED = "delivered"
        READ = "read"

    #: Sent to the Push API as ``reference_number``, so each report returns it.
    number = models.CharField(max_length=50, unique=True)
    customer = models.ForeignKey(Customer, models.PROTECT)
    delivery = models.CharField(
        max_length=20, choices=Delivery.choices, default=Delivery.WAITING, editable=False
    )

    cancel_requested = models.BooleanField(
        "the customer wants to cancel", default=False, editable=False
    )

    def __str__(self) -> str:
        return self.number

    def messages(self) -> models.QuerySet[Message]:
        """Return the messages about this order, newest first; there may be a second attempt."""
        return Message.objects.for_reference(self.number)

    def follow_messages(self) -> None:
        """Update the delivery from the message that is furthest."""
        statuses = set(self.messages().values_list("status", flat=True))
        reached = [delivery for status, delivery in _PROGRESS.items() if status in statuses]
        self.delivery = reached[-1] if reached else self.Delivery.WAITING
        self.save(update_fields=["delivery"])

    def follow_replies(self) -> None:
        """Update whether the customer answered a message about this order with "cancel"."""
        self.cancel_requested = any(
            CANCEL & {reply.text.strip().lower(), reply.payload}
            for message in self.messages()
            # Only the customer: someone else can quote the message in a group.
            for reply in message.replies().for_number(self.customer.number)
            if reply.direction == Direction.RECEIVED
        )
        self.save(update_fields=["cancel_requested"])


#: The delivery of an order for each status, the furthest last. Other statuses are ignored.
_PROGRESS = {
    DeliveryStatus.SUBMITTED: Order.Delivery.SUBMITTED,
    DeliveryStatus.FAILED: Order.Delivery.FAILED,
    DeliveryStatus.REFUNDED: Order.Delivery.FAILED,
    DeliveryStatus.DELIVERED: Order.Delivery.DELIVERED,
    DeliveryStatus.READ: Order.Delivery.READ,
}
