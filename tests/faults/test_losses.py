"""A fifth of all reports is lost and the server is killed: reconciling makes each message right."""

from __future__ import annotations

import json
import random
import time
from itertools import groupby
from queue import Empty, SimpleQueue
from threading import Thread

import pytest

from pickyassist_webhooks.choices import FINAL
from pickyassist_webhooks.testing.vendor import FakeVendor
from tests.faults.client import names_of
from tests.faults.stage import RECONCILER

KILLS, ROWS, SENDERS, RECONCILERS = 10, 10, 8, 3

#: The reported statuses, and how often.
COURSES = {(4, 1, 3): 60, (4, 1): 25, (4, 2): 10, (4, 2, 5): 5}

#: Hours after which a push that was not asked for is an alarm, and the silence, too.
LATE = 26


@pytest.fixture
def stage(postgres_backend, tmp_path, make_stage):
    with FakeVendor(seed=1, lost=0.2) as vendor:
        keys = {"API_CALLS_PER_MINUTE": 60000, "SILENCE": {"delivery_report": 24 * 3600}}
        stage = make_stage(postgres_backend.fresh(tmp_path), **keys, **vendor.settings)
        stage.vendor = vendor
        yield stage
        stage.close()


def push(stage, count):
    """Record pushes of messages, and return the reports that are not lost, in requests."""
    chance = random.Random(1)
    courses = chance.choices(list(COURSES), weights=list(COURSES.values()), k=count // ROWS)
    answers = [stage.vendor.push(*[{}] * ROWS, course=course) for course in courses]
    file = stage.folder / "answers.json"
    file.write_text(json.dumps(answers))
    stage.run("tests.faults.pushing", "record", str(file))
    requests = [[] for _ in range(3)]
    for answer, course in zip(answers, courses, strict=True):
        reports = stage.vendor.reports(answer["push_id"])
        reports.sort(key=lambda report: course.index(int(report["data"][0]["status"])))
        steps = groupby(reports, lambda report: report["data"][0]["status"])
        for number, (_, step) in enumerate(steps):
            first, *others = step
            rows = [row for report in (first, *others) for row in report["data"]]
            requests[number].append(first | {"data": rows})
    return [payload for step in requests for payload in step]


def post(stage, requests):
    """Post the requests by several threads; kill the server ten times meanwhile."""
    queue, total = SimpleQueue(), len(requests)
    for payload in requests:
        queue.put(payload)

    def run():
        while True:
            try:
                payload = queue.get_nowait()
            except Empty:
                return
            if stage.client.post(payload, names_of(payload["data"])) is None:
                time.sleep(1)  # the server is away

    server = stage.serve()
    threads = [Thread(target=run) for _ in range(SENDERS)]
    for thread in threads:
        thread.start()
    for kill in range(1, KILLS + 1):
        while queue.qsize() > total * (1 - kill / (KILLS + 1)):
            time.sleep(0.02)
        server = stage.replace(server)
    for thread in threads:
        thread.join()


def looked_at(stage, *arguments):
    return json.loads(stage.run("tests.faults.pushing", *arguments))


def levels(report):
    return {each["condition"]: each["level"] for each in report["conditions"]}


def wait_until_asked(stage, seconds):
    """Wait until no push lacks a final status that the vendor knows."""
    end = time.monotonic() + seconds
    while "open" in looked_at(stage)["pushes"]:
        assert time.monotonic() < end, stage.log("reconciler-0")
        time.sleep(2)


def test_a_fifth_of_the_reports_is_lost(stage, short):
    requests = push(stage, short(1000, 100_000))
    began = time.monotonic()
    stage.work()
    post(stage, requests)
    posted = time.monotonic()
    stage.close()
    stage.run("tests.faults.recovery")
    before = looked_at(stage)
    assert levels(looked_at(stage, "look", str(LATE)))["reconcile"] == "degraded"
    for number in range(RECONCILERS):
        stage.work(f"reconciler-{number}", RECONCILER)
    started = time.monotonic()
    wait_until_asked(stage, short(120, 3000))
    ended = time.monotonic()
    stage.close()
    after = looked_at(stage)
    looked_at(stage, "look", "0")

    sent = [message for messages in stage.vendor.messages.values() for message in messages]
    asked = {str(body["push_id"]) for body in stage.vendor.calls_to("delivery-report")}
    wanted = {each.push_id for each in sent if before["messages"][each.msg_id] not in FINAL}
    right = {
        each.msg_id: each.status if each.push_id in wanted else before["messages"][each.msg_id]
        for each in sent
    }
    heard = set((stage.folder / "heard.log").read_text().splitlines())
    alarms = (stage.folder / "alarms.log").read_text().splitlines()
    counts = stage.client.counts
    figures = {
        "messages": len(sent),
        "reports_lost_on_purpose": stage.vendor.lost_reports,
        "requests": counts.sent,
        "requests_without_answer": counts.dropped,
        "seconds_of_posting": round(posted - began),
        "without_final_status_before": sum(s not in FINAL for s in before["messages"].values()),
        "without_any_report_before": sum(s == -1 for s in before["messages"].values()),
        "pushes": len(stage.vendor.messages),
        "pushes_asked": len(asked),
        "calls": len(stage.vendor.calls),
        "seconds_of_reconciling": round(ended - started),
        "without_final_status_after": sum(s not in FINAL for s in after["messages"].values()),
        "as_the_vendor_says_after": sum(after["messages"][m.msg_id] == m.status for m in sent),
        "final_but_a_later_report_lost": sum(after["messages"][m.msg_id] != m.status for m in sent),
        "alarms": alarms,
    }
    print(json.dumps(figures, indent=1))
    assert after["messages"] == right
    assert asked == wanted
    assert after["pushes"].keys() == {"settled"}
    assert after["requests"].keys() == {"done"}
    assert after["reports"] == after["in_requests"]  # none is stored twice
    assert {f"message_status_changed {name} {status}" for name, status in right.items()} <= heard
    assert counts.of(200) == len(counts.answers)
    assert alarms.count("raised reconcile degraded") == 1
    assert alarms.count("cleared reconcile ok") == 1
