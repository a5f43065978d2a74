"""A backlog whose worker is killed in the middle of it, brokers that fail, and who finishes it."""

from __future__ import annotations

import os
import signal
import time

from tests.faults.client import event

CELERY = (
    *("celery", "--app=tests.engines.queue", "worker", "--concurrency=2", "--loglevel=INFO"),
    *("--without-gossip", "--without-mingle"),  # with whoever else uses the broker
)
DJANGO_TASKS = ("django", "db_worker", "--interval=0.1", "--no-startup-delay", "--no-reload")

REQUESTS = 150
AT_ONCE = 16


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


def post_at_once(one, tag):
    begin = len(one.client.counts.answers)
    one.client.at_once(*(lambda n=n: one.client.post(*event(tag, n)) for n in range(AT_ONCE)))
    answers = one.client.counts.answers[begin:]
    assert len(answers) == AT_ONCE
    assert {(answer.status, answer.body["state"]) for answer in answers} == {(200, "received")}


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


def test_celery(broker, stage):
    one = stage("celery", **broker.environment())
    one.serve()
    backlog(one, *CELERY, broker.node)


def test_django_tasks(stage):
    one = stage("django_tasks")
    one.run("django", "migrate", "--verbosity=0")
    one.serve()
    backlog(one, *DJANGO_TASKS)


def test_the_answer_does_not_wait_for_receivers(stage):
    one = stage("django_tasks", ENGINES_SLOW="4")
    one.run("django", "migrate", "--verbosity=0")
    one.serve()
    post_at_once(one, "first")  # a server that has just been started is slow by itself
    one.start("worker", *DJANGO_TASKS)
    wait_for(lambda: heard(one) > 0, one)  # it is with the slow receiver now, and will be
    answers = [one.client.post(*event("slow", 6 * number)) for number in range(5)]
    assert {(answer.status, answer.body["state"]) for answer in answers} == {(200, "received")}
    assert max(answer.seconds for answer in answers) < 2


def test_connections_that_the_broker_has_closed(broker, relay, stage):
    """Not one request is left to the sweep, which does not run here at all."""
    one = stage("celery", **broker.environment())
    one.start("worker", *CELERY, broker.node)
    one.environment |= broker.environment(relay.port)  # for the server only
    one.serve()
    post_at_once(one, "before")
    relay.cut()
    post_at_once(one, "after")
    wait_for(lambda: one.compare()["finished"] == 2 * AT_ONCE, one)


def test_a_broker_that_fails(broker, relay, stage):
    """Every request is answered soon, and the sweep does what no task will."""
    one = stage("celery", **broker.environment(relay.port))
    one.serve()
    for number, fail in enumerate((relay.cut, relay.hold, relay.cut, relay.close)):
        # Connections are closed, then silent, then accepted and never answered, then refused.
        post_at_once(one, f"before-{number}")
        fail()
    post_at_once(one, "after")
    slowest = one.client.counts.slowest()
    found = one.recover()
    print(f"{slowest} s was the longest wait for an answer; {found}")
    assert slowest < 5
    assert found["acknowledged"] == found["finished"] == 5 * AT_ONCE
    assert (found["lost"], found["twice"], found["signals_missing"]) == (0, 0, 0)
