"""Metrics: named as Prometheus asks, right in every process, and never without a page."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from django.core.management import call_command
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from pickyassist_webhooks.health.reports import CONDITIONS
from pickyassist_webhooks.metrics import WebhookCollector
from pickyassist_webhooks.models import MODELS
from tests.requests import delivery, filtered, keep, post, row, url

pytestmark = pytest.mark.django_db

DOCS = Path(__file__).parent.parent / "docs" / "monitoring"


@pytest.fixture
def scrape():
    """Return the samples of a scrape, by name and label."""

    def scrape():
        registry = CollectorRegistry()
        registry.register(WebhookCollector())
        samples = {}
        for family in text_string_to_metric_families(generate_latest(registry).decode()):
            for sample in family.samples:
                samples[(sample.name, *sample.labels.values())] = sample.value
        return samples

    return scrape


def test_importing_registers_without_reading_the_database():
    with CaptureQueriesContext(connection) as captured:
        registry = CollectorRegistry(auto_describe=True)
        registry.register(WebhookCollector())
    assert not captured.captured_queries
    assert any(isinstance(each, WebhookCollector) for each in REGISTRY._collector_to_names)


def test_values(scrape, clock, listen):
    def broken(**named):
        raise ValueError

    listen("number_filtered", broken)
    call_command("pickyassist_process", verbosity=0)
    post(delivery(row("1"), row("2")))
    post(filtered())
    post({"event_id": 99})
    post({}, to=url("a-strangers-guess"))
    keep(delivery(row("3")))
    clock.advance(minutes=6)
    now = timezone.now().timestamp()
    samples = scrape()
    assert {name: samples.pop(("pickyassist_condition_level", name)) for name in CONDITIONS} == {
        **dict.fromkeys(CONDITIONS, 0),
        "waiting": 1,
        "quarantined": 1,
    }
    ages = {name: value for (name, *_), value in samples.items() if "timestamp" in name}
    assert ages["pickyassist_last_event_timestamp_seconds"] == pytest.approx(now - 360, abs=30)
    assert ages["pickyassist_process_last_run_timestamp_seconds"] == pytest.approx(
        now - 360, abs=30
    )
    age = samples.pop(("pickyassist_oldest_due_request_age_seconds",))
    assert age == pytest.approx(365, abs=30)
    assert {key: value for key, value in samples.items() if "timestamp" not in key[0]} == {
        ("pickyassist_condition_level", "database"): 0,
        ("pickyassist_requests", "received"): 1,
        ("pickyassist_requests", "stored"): 0,
        ("pickyassist_requests", "failing"): 1,
        ("pickyassist_requests", "quarantined"): 1,
        ("pickyassist_requests", "dead"): 0,
        ("pickyassist_receiver_failures",): 1,
        ("pickyassist_refused_requests",): 1,
        ("pickyassist_oldest_spool_file_age_seconds",): 0,
        **{("pickyassist_events_total", str(kind)): 0 for kind in MODELS},
        ("pickyassist_events_total", "delivery_report"): 2,
        ("pickyassist_events_total", "filter_report"): 1,
    }


def test_of_nothing(scrape):
    samples = scrape()
    assert not [name for name, *_ in samples if "timestamp" in name]
    assert samples["pickyassist_events_total", "delivery_report"] == 0


def test_the_counter_only_rises(scrape, clock):
    """Also if the events are pruned, which a look has counted."""
    post(delivery())
    clock.advance(minutes=1)
    call_command("pickyassist_process", verbosity=0)
    MODELS["delivery_report"].objects.all().delete()
    post(delivery(row("2")))
    assert scrape()["pickyassist_events_total", "delivery_report"] == 2


def test_without_a_database(scrape):
    def refuse(*arguments):
        raise DatabaseError

    with connection.execute_wrapper(refuse):
        assert scrape() == {
            ("pickyassist_condition_level", "database"): 2,
            ("pickyassist_condition_level", "spool"): 0,
        }


def test_a_scrape_costs_a_fixed_number_of_statements(scrape):
    with CaptureQueriesContext(connection) as empty:
        scrape()
    for number in range(20):
        post(delivery(row(str(number)), project_id=str(number)))
    with CaptureQueriesContext(connection) as captured:
        scrape()
    assert len(captured) <= len(empty) + 3


class TestFiles:
    """The dashboard and the alert rules use metrics that exist."""

    names = {
        family.name + ("_total" if family.type == "counter" else "")
        for family in WebhookCollector().describe()
    }

    def used(self, expression):
        return set(re.findall(r"\bpickyassist_\w+", expression))

    def test_alert_rules(self):
        rules = yaml.safe_load((DOCS / "alerts.yml").read_text("utf-8"))
        [group] = rules["groups"]
        for rule in group["rules"]:
            assert rule["labels"]["severity"] in ("warning", "critical")
            assert self.used(rule["expr"])
            assert self.used(rule["expr"]) <= self.names
            assert rule["annotations"]["summary"].endswith(".")

    def test_dashboard(self):
        dashboard = json.loads((DOCS / "dashboard.json").read_text("utf-8"))
        expressions = [
            target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())
        ]
        assert {name for each in expressions for name in self.used(each)} == self.names
        ids = [panel["id"] for panel in dashboard["panels"]]
        assert len(ids) == len(set(ids))
        # Prometheus is chosen on import; no address is in the file.
        assert {json.dumps(panel.get("datasource")) for panel in dashboard["panels"]} == {
            '{"type": "prometheus", "uid": "${datasource}"}'
        }


def test_moments_are_those_of_unix_without_time_zones(scrape, settings, clock):
    settings.USE_TZ = False
    post(delivery())
    clock.advance(hours=1)
    at = scrape()["pickyassist_last_event_timestamp_seconds", "delivery_report"]
    expected = (timezone.now() - timedelta(hours=1)).timestamp()
    assert at == pytest.approx(expected, abs=30)
