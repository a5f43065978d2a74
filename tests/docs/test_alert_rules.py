"""Prometheus accepts the alert rules and the metrics, and the rules fire as they say."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest

from pickyassist_webhooks.metrics import WebhookCollector
from tests.docs.pages import DOCS

RULES = DOCS / "monitoring" / "alerts.yml"


def promtool(*arguments, text=None):
    program = shutil.which("promtool")
    assert program, "install promtool: it is in Debian's package prometheus"
    done = subprocess.run(
        [program, *map(str, arguments)], input=text, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_rules_are_valid():
    assert "SUCCESS: 4 rules" in promtool("check", "rules", RULES)


@pytest.mark.django_db
def test_the_names_follow_the_conventions():
    registry = CollectorRegistry()
    registry.register(WebhookCollector())
    assert promtool("check", "metrics", text=generate_latest(registry).decode()) == ""


def series(condition, values, instance="a"):
    labels = f'condition="{condition}", job="shop", instance="{instance}"'
    return {"series": f"pickyassist_condition_level{{{labels}}}", "values": values}


def alert(name, minutes, *expected):
    alerts = [
        {
            "exp_labels": {"job": "shop", "condition": condition, "severity": severity},
            "exp_annotations": {
                "summary": f"Picky Assist webhooks: {condition} is {level}.",
                "description": "`manage.py pickyassist_health` says why.",
            },
        }
        for condition, severity, level in expected
    ]
    return {"eval_time": f"{minutes}m", "alertname": name, "exp_alerts": alerts}


def test_they_fire_once_for_all_servers_and_end(tmp_path):
    failing, degraded = "PickyAssistFailing", "PickyAssistDegraded"
    file = tmp_path / "tests.yml"
    test = {
        "interval": "1m",
        "input_series": [
            series("database", "0x60"),
            series("waiting", "0x9 1x19 2x9 0x20"),
            series("waiting", "0x9 1x19 2x9 0x20", instance="b"),
        ],
        "alert_rule_test": [
            alert(degraded, 9),
            alert(degraded, 20, ("waiting", "warning", "degraded")),
            alert(failing, 20),
            alert(failing, 35, ("waiting", "critical", "failing")),
            alert(degraded, 35),
            alert(failing, 45),
            alert("PickyAssistNotScraped", 45),
        ],
    }
    file.write_text(yaml.safe_dump({"rule_files": [str(RULES)], "tests": [test]}), "utf-8")
    assert "SUCCESS" in promtool("test", "rules", file)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_picture_has_each_panel(scheme):
    """If a panel is new, ``python -m tests.docs.draw_dashboard`` draws it."""
    dashboard = json.loads((DOCS / "monitoring" / "dashboard.json").read_text("utf-8"))
    picture = (DOCS / "monitoring" / f"dashboard-{scheme}-desk.svg").read_text("utf-8")
    for panel in dashboard["panels"]:
        assert f">{panel['title']}</text>" in picture
