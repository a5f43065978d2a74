"""Payloads with fixed ids from the shipped builders, posted as bytes to the real URL."""

from __future__ import annotations

import json
from typing import Any

from django.test import Client
from django.urls import reverse

from pickyassist_webhooks.inbox import worker
from pickyassist_webhooks.models import WebhookRequest
from pickyassist_webhooks.testing import (
    chat_message,
    delivery_report,
    filter_report,
    group_member,
    new_subscriber,
)
from tests.settings import PICKYASSIST_WEBHOOKS

SECRET = PICKYASSIST_WEBHOOKS["SECRETS"][0]
PROJECT = "4100"


def url(secret: str = SECRET) -> str:
    return reverse("pickyassist_webhooks:events", args=[secret])


def post(body: Any, *, to: str | None = None, content_type: str = "application/json", **headers):
    """Post bytes, or an object as JSON, and return the response."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Client().generic("POST", to or url(), data, content_type, headers=headers)


def keep(body: Any, **metadata: Any) -> WebhookRequest:
    """Store a request and return it unprocessed, as after a crash right after the commit."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return worker.keep(WebhookRequest.objects.new(data, **metadata))


def row(msg_id: Any = "900001", status: Any = "1", **fields: Any) -> dict[str, Any]:
    usual = {"push_id": "700001", "number": "15550001111", "reference_number": ""}
    return delivery_report(msg_id=msg_id, status=status, **usual | fields)["data"][0]


def delivery(*rows: Any, **envelope: Any) -> dict[str, Any]:
    return delivery_report(**{"project_id": PROJECT, "data": list(rows or [row()])} | envelope)


def filtered(*rows: Any, **envelope: Any) -> dict[str, Any]:
    return filter_report(**{"project_id": PROJECT, "data": list(rows or [row()])} | envelope)


def member(action: Any = 1, **fields: Any) -> dict[str, Any]:
    usual = {
        "project_id": PROJECT,
        "group_id": "A4100",
        "group_subject": "Team",
        "number": "15550001111",
        "application": 8,
    }
    return group_member(action=action, **usual | fields)


def chat(unique_id: Any = "88001", **fields: Any) -> dict[str, Any]:
    usual = {
        "project_id": PROJECT,
        "number": "15550001111",
        "name": "",
        "message_in_raw": f"text of {unique_id}",
    }
    return chat_message(unique_id=unique_id, **usual | fields)


def subscriber(**fields: Any) -> dict[str, Any]:
    usual = {
        "project_id": PROJECT,
        "subscriber_id": "ZZ100",
        "mobile": "15550001111",
        "name": "",
        "email": "",
        "channel": "919737001155",
        "message": "hi",
        "date": "2020-05-29T16:01:06+05:30",
    }
    return new_subscriber(**usual | fields)
