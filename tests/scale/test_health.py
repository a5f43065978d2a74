"""The health report and the metrics are as quick with millions of rows as with a few."""

from __future__ import annotations

import statistics
import time

import pytest
from django.db import connection
from django.db.models import Max
from django.test.utils import CaptureQueriesContext

from pickyassist_webhooks import alarms, health
from pickyassist_webhooks.insights import streams
from pickyassist_webhooks.metrics import WebhookCollector
from pickyassist_webhooks.models import MODELS, EventStream
from tests.machine import fastest

#: The limits in milliseconds, and in statements. A scrape reads the report, and more. A look also
#: stores events for half a second of each kind at most.
REPORT, SCRAPE, UNREAD, LOOK = 50, 150, 1000, 5000
STATEMENTS = 60


def milliseconds(operation):
    times = []
    for _ in range(5):
        began = time.perf_counter()
        operation()
        times.append(time.perf_counter() - began)
    return statistics.median(times) * 1000


def collect():
    return list(WebhookCollector().collect())


@pytest.fixture
def limits(meter, capsys):
    """Return a function that measures an operation, prints its time and checks its limit."""

    def check(name, operation, limit):
        with CaptureQueriesContext(connection) as captured:
            operation()
        took = fastest(lambda: milliseconds(operation), limit, 20)
        with capsys.disabled():
            print(f"\n{name}: {took:.1f} ms, {len(captured)} statements")
        assert len(captured) <= STATEMENTS or limit == LOOK
        assert took < limit or not meter.asserts_limits

    return check


@pytest.fixture
def unread(meter):
    """No event is in its stream yet, as after an upgrade."""
    streams.streams().delete()
    yield
    streams.streams().delete()


@pytest.fixture
def known(unread):
    """The events are in their streams already, as after some days of looks."""
    for kind, model in MODELS.items():
        newest = model.objects.order_by("-pk").first()
        last = model.objects.aggregate(last=Max("pk"))["last"]
        EventStream.objects.create(
            kind=kind, project_id=newest.project_id, last_id=last, last_at=newest.received_at
        )


def test_report(known, limits):
    limits("health report", health.report, REPORT)


def test_scrape(known, limits):
    limits("metrics", collect, SCRAPE)


def test_after_an_upgrade(unread, limits):
    """The report and each look read a bounded number of events."""
    limits("health report after an upgrade", health.report, UNREAD)
    limits("metrics after an upgrade", collect, UNREAD)
    limits("look after an upgrade", alarms.look, LOOK)
    assert EventStream.objects.exists()
