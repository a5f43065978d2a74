"""Payloads, and how they are posted: real bytes through Django's handler to the pinned URL."""

from __future__ import annotations

import json
from typing import Any

from django.test import Client
from django.urls import reverse

from pickyassist_webhooks.models import WebhookRequest
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
    """Keep a request and return it, as a worker leaves it that dies right after the commit."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    requests = WebhookRequest.objects
    return requests.keep(requests.new(data, **metadata))


def row(msg_id: Any = "900001", status: Any = "1", **fields: Any) -> dict[str, Any]:
    base = {"push_id": "700001", "number": "15550001111", "msg_id": msg_id, "status": status}
    return base | fields


def delivery(*rows: Any, **envelope: Any) -> dict[str, Any]:
    return {"project_id": PROJECT, "event_id": 1, "data": list(rows or [row()]), **envelope}


def filtered(*rows: Any, **envelope: Any) -> dict[str, Any]:
    return delivery(*rows, **({"event_id": 2} | envelope))


def member(action: Any = 1, **fields: Any) -> dict[str, Any]:
    base = {
        "project_id": PROJECT,
        "event_id": 3,
        "action": action,
        "group_id": "A4100",
        "group_subject": "Team",
        "number": "15550001111",
        "application": 8,
    }
    return base | fields


def subscriber(**fields: Any) -> dict[str, Any]:
    base = {
        "project_id": PROJECT,
        "event_id": 4,
        "subscriber_id": "ZZ100",
        "mobile": "15550001111",
        "name": "",
        "email": "",
        "profile_pic": "",
        "channel": "919737001155",
        "message": "hi",
        "date": "2020-05-29T16:01:06+05:30",
    }
    return base | fields
