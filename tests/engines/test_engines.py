"""A backlog, a worker that is killed in the middle of it, and who finishes it."""

from __future__ import annotations

import os
import signal
import time
import uuid

import pytest

from tests.faults.client import event

BROKERS = {
    "rabbitmq": "amqp://guest:guest@127.0.0.1:5672//",
    "redis": "redis://127.0.0.1:6379/0",
}
CELERY = ("celery", "--app=tests.engines.queue", "worker", "--concurrency=2", "--loglevel=INFO")
DJANGO_TASKS = ("django", "db_worker", "--interval=0.1", "--no-startup-delay", "--no-reload")

REQUESTS = 150


def heard(one):
    file = one.folder / "heard.log"
    return len(file.read_text().splitlines()) if file.exists() else 0


def wait_for(condition, one, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s; the worker: {one.log('worker')}"
        time.sleep(0.05)


def post_all(one, begin=0):
    answers = [one.client.post(*event("e", begin + number)) for number in range(REQUESTS)]
    assert {(answer.status, answer.body["state"]) for answer in answers} == {(200, "received")}
    return answers


def backlog(one, *worker):
    """Have a backlog worked through by a worker that is killed in the middle, and by another."""
    post_all(one)
    assert heard(one) == 0
    first = one.start("worker", *worker)
    wait_for(lambda: heard(one) >= 40, one)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    killed_at = one.compare()["finished"]
    assert 0 < killed_at < REQUESTS

    one.start("worker", *worker)
    post_all(one, begin=REQUESTS)
    # All that was posted since, and what the broker still had; what the first one held is lost.
    wait_for(lambda: one.compare()["finished"] >= killed_at + REQUESTS, one)
    by_engine = one.compare()["finished"]
    found = one.recover()
    print(f"{killed_at} done before the kill, {by_engine} by the engine, {found} after the sweep")
    assert found["acknowledged"] == found["finished"] == 2 * REQUESTS
    assert (found["lost"], found["twice"], found["signals_missing"]) == (0, 0, 0)


@pytest.mark.parametrize("broker", BROKERS)
def test_celery(broker, stage):
    name = f"pickyassist-tests-{uuid.uuid4()}"
    one = stage("celery", ENGINES_BROKER=BROKERS[broker], ENGINES_QUEUE=name)
    one.serve()
    backlog(one, *CELERY)


def test_django_tasks(stage):
    one = stage("django_tasks")
    one.run("django", "migrate", "--verbosity=0")
    one.serve()
    backlog(one, *DJANGO_TASKS)


def test_the_answer_does_not_wait_for_receivers(stage):
    one = stage("django_tasks", ENGINES_SLOW="2")
    one.run("django", "migrate", "--verbosity=0")
    one.serve()
    one.start("worker", *DJANGO_TASKS)
    answers = [one.client.post(*event("slow", 6 * number)) for number in range(5)]
    assert max(answer.seconds for answer in answers) < 1
    wait_for(lambda: heard(one) > 0, one)
