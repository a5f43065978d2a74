"""No address in a payload is ever requested, neither to store it nor to show it."""

from __future__ import annotations

import base64
import socket
import sys

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse

from tests.cases import CASES, send
from tests.requests import delivery, member, post, row, subscriber

#: Audit events of Python before it connects or resolves a name. Database drivers do this in C.
CONNECTING = {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "urllib.Request"}
tried: list[str] | None = None


def watch(event, arguments):
    if tried is not None and event in CONNECTING:
        tried.append(f"{event}{arguments}")


@pytest.fixture
def connections():
    """Record every connection attempt. A hook cannot be removed, so it records only here."""
    global tried
    sys.addaudithook(watch)
    tried = []
    yield tried
    tried = None


@pytest.mark.django_db
def test_nothing_is_fetched(connections, listen):
    address = "http://127.0.0.1:9/secret.png"
    post(delivery(row(media=address, message=f"see {address}", callback_url=address)))
    post(subscriber(profile_pic=address, name=address))
    post(member(group_icon=address))
    for case in CASES:
        send(case, base64.b64decode(case["body_b64"]))
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root"))
    pages = 0
    for model in apps.get_app_config("pickyassist_webhooks").get_models():
        if admin.site.is_registered(model):
            view = f"admin:pickyassist_webhooks_{model._meta.model_name}"
            urls = [reverse(f"{view}_changelist")]
            pks = model._default_manager.values_list("pk", flat=True)
            urls += [reverse(f"{view}_change", args=[pk]) for pk in pks]
            pages += sum(client.get(url).status_code == 200 for url in urls)
    assert pages > len(CASES)
    assert connections == []


def test_a_connection_would_be_noticed(connections):
    with pytest.raises(ConnectionError), socket.create_connection(("127.0.0.1", 9), 1):
        pass
    assert len(connections) >= 1
