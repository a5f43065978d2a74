"""One sample of each kind of event, and the expected result in the shop."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from example_project.shop import sending
from example_project.shop.models import Customer, Order
from pickyassist_webhooks.models import (
    ChatMessage,
    DeliveryReport,
    FilterReport,
    GroupMemberEvent,
    NewSubscriber,
)
from pickyassist_webhooks.testing import (
    chat_message,
    delivery_report,
    filter_report,
    group_member,
    new_subscriber,
    push_answer,
)


@dataclass(frozen=True)
class Sample:
    """A payload, the row it must become, and the result of the receiver in the shop."""

    name: str
    payload: dict[str, Any]
    row: QuerySet[Any]
    receiver: str
    result: QuerySet[Any]


def place_order() -> Order:
    """Return an order of a new customer who has only a number."""
    customer = Customer.objects.create(number=_new_number())
    return Order.objects.create(number=f"ORD-{secrets.token_hex(4).upper()}", customer=customer)


def samples_for(order: Order) -> list[Sample]:
    """Return samples about an order and its customer, each with new ids."""
    number = order.customer.number
    answer = push_answer({"number": number})
    sending.record(order, answer)
    ids = {"push_id": answer["push_id"], "msg_id": answer["data"][0]["msg_id"]}
    report = delivery_report(status=1, number=number, reference_number=order.number, **ids)
    verdict = filter_report(status=1, number=number)
    member = group_member(number=number)
    subscriber = new_subscriber(mobile=_new_number())
    message = report["data"][0]["msg_id"]
    answer = chat_message(number=number, message_in_raw="Cancel", context_msg_id=message)
    customer = Customer.objects.filter(pk=order.customer.pk)
    return [
        Sample(
            "delivery report",
            report,
            DeliveryReport.objects.filter(msg_id=report["data"][0]["msg_id"]),
            "follow_message",
            Order.objects.filter(pk=order.pk, delivery=Order.Delivery.DELIVERED),
        ),
        Sample(
            "filter report",
            verdict,
            FilterReport.objects.filter(msg_id=verdict["data"][0]["msg_id"]),
            "note_verdict",
            customer.filter(on_whatsapp=True),
        ),
        Sample(
            "group member",
            member,
            GroupMemberEvent.objects.filter(group_id=member["group_id"]),
            "note_membership",
            customer.filter(in_group=True),
        ),
        Sample(
            "new subscriber",
            subscriber,
            NewSubscriber.objects.filter(subscriber_id=subscriber["subscriber_id"]),
            "add_customer",
            Customer.objects.filter(number=subscriber["mobile"], name=subscriber["name"]),
        ),
        Sample(
            "chat message",
            answer,
            ChatMessage.objects.filter(unique_id=answer["unique-id"]),
            "follow_answer",
            Order.objects.filter(pk=order.pk, cancel_requested=True),
        ),
    ]


def read_report(order: Order) -> dict[str, Any]:
    """Return a report that the newest message of an order was read."""
    message = order.messages()[0]
    ids = {"msg_id": message.msg_id, "push_id": message.push_id, "number": message.number}
    return delivery_report(status=3, reference_number=order.number, **ids)


def _new_number() -> str:
    return f"1555{secrets.randbelow(10**7):07}"
