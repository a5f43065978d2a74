"""Rows of all kinds in all states, and two users who read them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.utils import timezone

from pickyassist_webhooks import signals as our_signals
from pickyassist_webhooks.models import WebhookRequest
from tests.requests import chat, delivery, filtered, keep, member, post, row, subscriber

PASSWORD = "only-for-the-tests"


@pytest.fixture(autouse=True)
def connected(rows):
    """Keep the connection open during a request, as Django's test client does."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


def raising(**named):
    raise ValueError("a receiver that raises")


@pytest.fixture
def rows(db):
    """Fill all tables with usual and unusual rows; leave no receiver connected."""
    post(delivery(row("M1", 4), row("M1", 2, error_message="Call +15550001111"), row("M1", 1)))
    post(delivery(row("M2", 77, vendor={"new": [1, None]}), row("M3", -(2**63), status_text="\0")))
    post(delivery(row("", 1, error_message=["no text"], message="x" * 300), {"status": "x"}, 7))
    post(filtered(row("F1", 1), row("F2", 2, number="+1 (555) 000-1111"), row("F3", 0)))
    post(member())
    post(member(2, number="é" * 20, group_subject="x" * 300))
    post(member(9, group_id="15550001111-1400000000@g.us"))
    post(subscriber(name="Ada", channel="8", email="no address", profile_pic="no link", extra=[]))
    post(subscriber(subscriber_id="", date="yesterday"))
    post(chat())
    post(chat("88002", direction=1, number="+1 (555) 000-1111", context_msg_id="M1", type="9"))
    post(chat("88003", direction=-(2**63), application=None, type="x" * 300, new={"field": [1]}))
    post(chat("88004", contact=[{"phone": None}, 1], location={"lat": 1.5, "name": "é" * 20}))
    post(chat("88005", number="Team @Ada / 15550001111", group_id="A1", group_mentions=["1", {}]))
    post(chat("", number="", messenger_id=7000000000001, interactive={"id": 1, "description": []}))
    post({"project_id": "1", "event_id": 99})
    post(b"\xff\xfe not JSON")
    our_signals.subscriber_added.connect(raising)
    post(subscriber(subscriber_id="Z2"))
    our_signals.subscriber_added.disconnect(raising)
    keep(delivery(row("W1")))
    keep(delivery(row("W2")), claimed=True)
    requests = WebhookRequest.objects.order_by("pk")
    requests.filter(pk=requests[1].pk).update(erased_at=timezone.now(), body=b"")
    requests.filter(pk=requests[2].pk).update(state="dead", attempts=8)
    requests.filter(pk=requests[3].pk).update(received_at=timezone.now() - timedelta(days=9))


@pytest.fixture
def reader(rows, request):
    """Create a superuser, or a user who may view all rows without personal data."""
    is_superuser = request.param == "superuser"
    user = get_user_model().objects.create_user(
        request.param, password=PASSWORD, is_superuser=is_superuser
    )
    if not is_superuser:
        views = Permission.objects.filter(
            content_type__app_label="pickyassist_webhooks", codename__startswith="view_"
        ).exclude(codename__in=["view_personal_data", "view_webhook_url"])
        user.user_permissions.set(views)
    return user
