"""Workers that fetch lost reports are killed at each point of their work."""

from __future__ import annotations

import json
import signal
import time
from functools import partial

import pytest

from pickyassist_webhooks.testing.vendor import FakeVendor, cut, html, too_many_calls
from tests.faults.stage import RECONCILER

#: From the turn to the saved push. Between the answer and its row is "before-insert".
POINTS = (
    "after-turn",
    "before-push",
    "after-push",
    "before-insert",
    "after-insert",
    "in-parse",
    "before-rows",
    "after-rows",
    "in-receiver",
    "between-signals",
    "before-finish",
)

#: Seconds until each push was asked for once.
PATIENCE = 120


@pytest.fixture
def stage(backend, tmp_path, make_stage):
    with FakeVendor(seed=1) as vendor:
        keys = {"API_CALLS_PER_MINUTE": 60000, **vendor.settings}
        stage = make_stage(backend.fresh(tmp_path), **keys)
        stage.vendor = vendor
        yield stage
        stage.close()


def push(stage, count):
    """Record more pushes of two messages each; all their reports are lost."""
    answers = [
        stage.vendor.push({}, {}, course=((4, 1), (4, 2), (4, 1, 3))[number % 3])
        for number in range(count)
    ]
    file = stage.folder / "answers.json"
    file.write_text(json.dumps(answers))
    recorded = json.loads(stage.run("tests.faults.pushing", "record", str(file)))["recorded"]
    assert recorded == len(stage.vendor.messages)


def looked_at(stage):
    return json.loads(stage.run("tests.faults.pushing"))


def wait_until_asked(stage):
    """Wait until each push was asked for at least once."""
    end = time.monotonic() + PATIENCE
    while looked_at(stage)["not_asked"]:
        assert time.monotonic() < end, stage.log("reconciler-0")
        time.sleep(0.5)


def finish(stage):
    """End all workers, and continue with a clock that is ahead: claims and pauses have passed."""
    stage.close()
    stage.run("tests.faults.recovery", "pickyassist_process", "pickyassist_reconcile")


def check(stage):
    """Each message is right, each report is stored once, and each was heard."""
    counts = looked_at(stage)
    messages = [message for sent in stage.vendor.messages.values() for message in sent]
    assert counts["messages"] == {message.msg_id: message.status for message in messages}
    assert counts["requests"].keys() == {"done"}
    assert counts["pushes"].keys() == {"settled"}
    assert counts["reports"] == counts["in_requests"] == len(messages)
    heard = (stage.folder / "heard.log").read_text().splitlines()
    for message in messages:
        for name in ("delivery_received", "message_status_changed"):
            assert f"{name} {message.msg_id} {message.status}" in heard


def test_killed(stage, short):
    times = short(1, 10)
    stage.work()
    stage.work("reconciler", RECONCILER)
    for _ in range(times):
        for point in POINTS:
            stage.arm(f"reconciler.{point}", then=partial(push, stage, 2))
    finish(stage)
    check(stage)
    assert set(stage.ends) == {-signal.SIGKILL}
    assert len(stage.ends) >= times * len(POINTS) - 1  # the end of the last one may not be noted


def test_several_workers_and_a_bad_network(stage, short):
    """Five workers share the pushes, while every third answer is a bad one."""
    count = short(30, 300)
    push(stage, count)
    bad = (too_many_calls(1), html(), cut())
    stage.vendor.misbehave(*[bad[number % 3] for number in range(count // 3)])
    for number in range(5):
        stage.work(f"reconciler-{number}", RECONCILER)
    wait_until_asked(stage)
    finish(stage)
    check(stage)
    assert stage.ends == []
    assert len(stage.vendor.calls) == count + count // 3
