"""A task queue whose broker does not run."""

from __future__ import annotations

import time

import pytest
from django.utils.module_loading import import_string

from tests.faults.cluster import free_port

ENGINE = "pickyassist_webhooks.engines.celery.enqueue"


@pytest.mark.parametrize("transport", ["redis", "amqp"])
def test_broker_down(backend, tmp_path, make_stage, judge, short, transport):
    """Every request is acknowledged soon, and the sweep processes all of them."""
    assert import_string(ENGINE)  # with a wrong path, the sweep would process all requests too
    stage = make_stage(backend.fresh(tmp_path), PROCESSOR=ENGINE)
    stage.environment["FAULTS_BROKER"] = f"{transport}://127.0.0.1:{free_port()}//"
    stage.serve()
    with stage.load(rate=20):
        time.sleep(short(2, 20))
    figure = judge(f"broker down ({transport})", 1, stage)
    assert figure["refused"] == 0
    assert {answer.body["state"] for answer in stage.client.counts.answers} == {"received"}
    assert figure["slowest_seconds"] <= 5
