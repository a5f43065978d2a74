"""Send messages about orders: push each one, and record what Picky Assist answered.

The record is the only way to notice a report that never comes: ``pickyassist_reconcile`` then asks
for it.
"""

from __future__ import annotations

from typing import Any

import httpx
from django.conf import settings

from example_project.shop.models import Order
from pickyassist_webhooks.models import Push
from pickyassist_webhooks.pushes import record_push

#: WhatsApp Official.
CHANNEL = "8"

#: Seconds to wait for the Push API.
TIMEOUT = 30


def send_message(order: Order, text: str) -> Push:
    """Push a message about an order to its customer, and record it.

    Raises ``PushRefused`` if Picky Assist did not accept it, and the errors of httpx.
    """
    row = {"number": order.customer.number, "message": text, "reference_number": order.number}
    body = {"token": settings.PICKYASSIST_TOKEN, "application": CHANNEL, "data": [row]}
    answer = httpx.post(f"{settings.PICKYASSIST_API_URL}push", json=body, timeout=TIMEOUT)
    return record(order, answer.content)


def record(order: Order, answer: Any) -> Push:
    """Record the answer of the Push API about a message of an order."""
    project_id = settings.PICKYASSIST_PROJECT_ID
    return record_push(answer, project_id=project_id, references=order.number, channel=CHANNEL)
