"""If a worker is killed or a broker fails, the backlog is finished anyway."""

from __future__ import annotations

import os
import signal
import time

from tests.faults.client import event

CELERY = (
    *("celery", "--app=tests.engines.queue", "worker", "--concurrency=2", "--loglevel=INFO"),
    *("--without-gossip", "--without-mingle"),  # ignore other users of the broker
)
DJANGO_TASKS = ("django", "db_worker", "--interval=0.1", "--no-startup-delay", "--no-reload")

REQUESTS = 150
AT_ONCE = 16
#: Fewer than the connections of Celery's pool, so that none waits for a free one: on a busy machine
#: that takes longer than an answer may, and the request is left to the sweep.
OF_POOL = 8


def heard(stage):
    file = stage.folder / "heard.log"
    return len(file.read_text().splitlines()) if file.exists() else 0


def wait_for(condition, stage, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, (
            f"not within {seconds} s; the worker: {stage.log('worker')}; the server:"
            f" {stage.log('server')}; the rows: {stage.compare()}"
        )
        time.sleep(0.05)


def post_all(stage, begin=0):
    answers = [stage.client.post(*event("e", begin + number)) for number in range(REQUESTS)]
    assert {(answer.status, answer.body["state"]) for answer in answers} == {(200, "received")}
    return answers


def post_at_once(stage, tag, count=AT_ONCE):
    begin = len(stage.client.counts.answers)
    stage.client.at_once(*(lambda n=n: stage.client.post(*event(tag, n)) for n in range(count)))
    answers = stage.client.counts.answers[begin:]
    assert len(answers) == count
    assert {(answer.status, answer.body["state"]) for answer in answers} == {(200, "received")}


def backlog(stage, *worker):
    """Process a backlog by a worker that is killed in the middle, and by a second one."""
    post_all(stage)
    assert heard(stage) == 0
    first = stage.start("worker", *worker)
    wait_for(lambda: heard(stage) >= 40, stage)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    killed_at = stage.compare()["finished"]
    assert 0 < killed_at < REQUESTS

    stage.start("worker", *worker)
    post_all(stage, begin=REQUESTS)
    # The new requests, and those still in the broker; the tasks of the killed worker are lost.
    wait_for(lambda: stage.compare()["finished"] >= killed_at + REQUESTS, stage)
    by_engine = stage.compare()["finished"]
    result = stage.recover()
    print(f"{killed_at} done before the kill, {by_engine} by the engine, {result} after the sweep")
    assert result["acknowledged"] == result["finished"] == 2 * REQUESTS
    assert (result["lost"], result["twice"], result["signals_missing"]) == (0, 0, 0)


def test_celery(broker, make_stage):
    stage = make_stage("celery", **broker.environment())
    stage.serve()
    backlog(stage, *CELERY, broker.node)


def test_django_tasks(make_stage):
    stage = make_stage("django_tasks")
    stage.run("django", "migrate", "--verbosity=0")
    stage.serve()
    backlog(stage, *DJANGO_TASKS)


def test_the_answer_does_not_wait_for_receivers(make_stage):
    stage = make_stage("django_tasks", ENGINES_SLOW="4")
    stage.run("django", "migrate", "--verbosity=0")
    stage.serve()
    post_at_once(stage, "first")  # a new server is slow at first
    stage.start("worker", *DJANGO_TASKS)
    wait_for(lambda: heard(stage) > 0, stage)  # the slow receiver is running
    answers = [stage.client.post(*event("slow", 7 * number)) for number in range(5)]
    assert {(answer.status, answer.body["state"]) for answer in answers} == {(200, "received")}
    assert max(answer.seconds for answer in answers) < 2


def test_connections_closed_by_the_broker(broker, relay, make_stage):
    """No request is left to the sweep, which does not run here."""
    stage = make_stage("celery", **broker.environment())
    stage.start("worker", *CELERY, broker.node)
    stage.environment |= broker.environment(relay.port)  # for the server only
    stage.serve()
    post_at_once(stage, "before", OF_POOL)
    relay.cut()
    post_at_once(stage, "after", OF_POOL)
    wait_for(lambda: stage.compare()["finished"] == 2 * OF_POOL, stage)


def test_a_broker_that_fails(broker, relay, make_stage):
    """Every request is answered soon, and the sweep processes those without a task."""
    stage = make_stage("celery", **broker.environment(relay.port))
    stage.serve()
    post_at_once(stage, "first")  # a new server is slow at first
    began = time.monotonic()
    for number, fail in enumerate((relay.cut, relay.hold, relay.cut, relay.close)):
        # Connections are closed, then silent, then accepted and never answered, then refused.
        post_at_once(stage, f"before-{number}")
        fail()
    post_at_once(stage, "after")
    slowest = stage.client.counts.slowest(began)
    result = stage.recover()
    print(f"{slowest} s was the longest wait for an answer; {result}")
    assert slowest < 5
    assert result["acknowledged"] == result["finished"] == 6 * AT_ONCE
    assert (result["lost"], result["twice"], result["signals_missing"]) == (0, 0, 0)
