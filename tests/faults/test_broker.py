"""A task queue whose broker is not there."""

from __future__ import annotations

import time

import pytest
from django.utils.module_loading import import_string

from tests.faults.cluster import free_port

ENGINE = "pickyassist_webhooks.engines.celery.enqueue"


@pytest.mark.parametrize("transport", ["redis", "amqp"])
def test_broker_down(place, tmp_path, stage, judge, short, transport):
    """Every request is acknowledged, soon, and the sweep does what no task will."""
    assert import_string(ENGINE)  # a path that leads nowhere is left to the sweep as well
    one = stage(place.fresh(tmp_path), PROCESSOR=ENGINE)
    one.environment["FAULTS_BROKER"] = f"{transport}://127.0.0.1:{free_port()}//"
    one.serve()
    with one.load(rate=20):
        time.sleep(short(2, 20))
    figure = judge(f"broker down ({transport})", 1, one)
    assert figure["refused"] == 0
    assert {answer.body["state"] for answer in one.client.counts.answers} == {"received"}
    assert figure["slowest_seconds"] <= 5
