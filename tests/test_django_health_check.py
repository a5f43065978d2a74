"""The check for the package ``django-health-check``."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.urls import path
from health_check.exceptions import ServiceUnavailable, ServiceWarning
from health_check.views import HealthCheckView

from pickyassist_webhooks.health.django_health_check import PickyAssistWebhooks
from tests.requests import delivery, keep

NAME = "pickyassist_webhooks.health.django_health_check.PickyAssistWebhooks"

urlpatterns = [path("ht/", HealthCheckView.as_view(checks=[NAME, (NAME, {"warn": True})]))]


@pytest.mark.django_db
def test_levels(clock):
    PickyAssistWebhooks(warn=True).run()
    keep(delivery())
    clock.advance(minutes=6)
    PickyAssistWebhooks().run()
    with pytest.raises(ServiceWarning, match="waiting is degraded"):
        PickyAssistWebhooks(warn=True).run()
    clock.advance(hours=1)
    with pytest.raises(ServiceUnavailable, match="waiting is failing, worker is degraded"):
        PickyAssistWebhooks().run()


@pytest.mark.django_db(transaction=True)
@pytest.mark.urls(__name__)
def test_in_its_page(clock):
    """Its checks run in threads of their own, which leave no connection behind."""
    keep(delivery())
    clock.advance(minutes=6)
    answer = Client().get("/ht/?format=json")
    results = list(answer.json().values())
    assert results == ["OK", "Warning: waiting is degraded"]
    assert "A request" not in answer.content.decode()


@pytest.mark.django_db(transaction=True)
def test_a_connection_of_its_own_is_closed():
    connection.close()
    PickyAssistWebhooks().run()
    assert connection.connection is None
