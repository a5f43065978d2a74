"""Random sequences become the rows and signals of a naive reference, also with eight workers.

Every check uses only documented columns, so it holds for any way to store them.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest

from tests.faults.reference import (
    COLUMNS,
    OF_ERRORS,
    OF_MESSAGES,
    RANKS,
    Event,
    Reference,
    sequence,
)
from tests.faults.stage import Stage

Row = dict[str, Any]

GROUP = "GroupMemberEvent"
SOMETIMES = "tests.faults.engine.sometimes"
#: The processes of each way to receive a sequence.
WAYS = {
    "one worker": ["inline"],
    "one sweep": ["none", "sweep"],
    "eight workers": [*["inline", SOMETIMES] * 3, "sweep", "sweep"],
}
SIGNALS = {
    "DeliveryReport": lambda row: "delivery_received",
    "FilterReport": lambda row: "number_filtered",
    "GroupMemberEvent": lambda row: ("member_joined", "member_exited")[row["action"] - 1],
    "NewSubscriber": lambda row: "subscriber_added",
    "ChatMessage": lambda row: ("message_received", "message_sent")[row["direction"]],
}


@dataclass
class Run:
    """A sequence, its reference in the order of the requests, and the results of the app."""

    payloads: list[Row]
    way: str
    tables: dict[str, list[Row]]
    replayed: dict[str, list[Row]]
    calls: list[list[Any]]
    log: str

    def __post_init__(self) -> None:
        self.in_order = self.way != "eight workers"
        self.requests = self.tables["WebhookRequest"]
        self.numbers = {request["id"]: int(request["query"]) for request in self.requests}
        self.reference = Reference((n, self.payloads[n]) for n in self.numbers.values())
        self.messages = {(row["project_id"], row["msg_id"]): row for row in self.tables["Message"]}

    def check_values(self, row: Row, names: Any, expected: Event, is_exact: bool) -> None:
        """Each column has its first value or, if it is not exact, any of its values."""
        for name in names:
            values = expected.values.get(name, [""])
            assert row[name] in (values[:1] if is_exact else values), name

    def message_of(self, report: Row) -> int | None:
        key = (report["project_id"], report["msg_id"])
        return self.messages[key]["id"] if report["msg_id"] else None

    def expected_calls(self, is_replay: bool, request_ids: set[int]) -> Iterator[tuple[Any, ...]]:
        for model, name_of in SIGNALS.items():
            for row in self.tables[model]:
                call = (is_replay, name_of(row), row["id"])
                if row["request_id"] not in request_ids:
                    continue
                if model != "DeliveryReport":
                    yield (*call, None, None, row["request_id"])
                    continue
                message = self.message_of(row)
                yield (*call, message, None, row["request_id"])
                if message and raises(row):
                    previous = row["previous_status"]
                    changed = (is_replay, "message_status_changed", row["id"])
                    yield (*changed, message, previous, row["request_id"])


def raises(report: Row) -> bool:
    return RANKS.index(report["status"]) > RANKS.index(report["previous_status"])


def identity(model: str, row: Row) -> tuple[Any, ...]:
    """Return the identity of a stored event in the reference."""
    if model == "NewSubscriber":
        who = row["subscriber_id"] or (row["number"],)
        return (model, row["project_id"], who, row["channel"], row["date_text"])
    if model == "ChatMessage":
        return (model, row["project_id"], row["unique_id"], row["direction"])
    what = row["msg_id"] or (row["push_id"], row["number"])
    return (model, row["project_id"], what, row["status"])


@pytest.fixture(scope="module", params=WAYS)
def way(request):
    return request.param


@pytest.fixture(scope="module", params=["sqlite", "postgres", "mariadb"])
def run(request, way, tmp_path_factory, short) -> Run:
    folder = tmp_path_factory.mktemp("reference")
    chance = random.Random(request.config.getoption("randomly_seed"))
    payloads = sequence(chance, short(250, 2000))
    (folder / "sequence.json").write_text(json.dumps(payloads))
    database = request.getfixturevalue(f"{request.param}_backend").fresh(folder)
    result = json.loads(Stage(folder, database).run("tests.faults.workers", *WAYS[way]))
    return Run(payloads, way, **result)


@pytest.fixture(autouse=True)
def told(request):
    """Print the seed, which pytest shows if a test fails."""
    print(f"to repeat this sequence: --randomly-seed={request.config.getoption('randomly_seed')}")


def test_every_request_is_done_and_counted_without_an_error(run):
    assert run.log == ""
    assert sorted(run.numbers.values()) == list(range(len(run.payloads)))
    events = Counter(row["request_id"] for model in SIGNALS for row in run.tables[model])
    for request in run.requests:
        assert (request["state"], request["error"], request["problem_count"]) == ("done", "", 0)
        rows = len(run.payloads[run.numbers[request["id"]]].get("data", [0]))
        assert request["event_count"] == events[request["id"]]
        assert request["event_count"] + request["repeat_count"] == rows
    assert run.tables["ReceiverFailure"] == []


@pytest.mark.parametrize(
    "model", ["DeliveryReport", "FilterReport", "NewSubscriber", "ChatMessage"]
)
def test_every_event_is_stored_once_with_its_first_values(run, model):
    expected = {key: event for key, event in run.reference.events.items() if key[0] == model}
    stored = [identity(model, row) for row in run.tables[model]]
    assert sorted(stored, key=repr) == sorted(expected, key=repr)
    if run.in_order:
        assert stored == list(expected)
    for key, row in zip(stored, run.tables[model], strict=True):
        event = expected[key]
        run.check_values(row, COLUMNS[model], event, run.in_order)
        brought_by = event.requests[:1] if run.in_order else event.requests
        assert run.numbers[row["request_id"]] in brought_by
        if run.in_order and model == "DeliveryReport":
            assert row["previous_status"] == event.previous_status


def test_every_message_has_its_highest_status_and_its_first_values(run):
    received_at = {run.numbers[row["id"]]: row["received_at"] for row in run.requests}
    assert set(run.messages) == set(run.reference.messages)
    assert len(run.messages) == len(run.tables["Message"])
    for key, expected in run.reference.messages.items():
        row = run.messages[key]
        statuses = set(expected.statuses)
        assert row["status"] == expected.status
        assert row["delivered"] == bool(statuses & {1, 3})
        assert row["failed_seen"] == (2 in statuses)
        assert row["refunded"] == (5 in statuses)
        times = [received_at[number] for number in expected.requests]
        assert row["first_reported_at"] in ([min(times)] if run.in_order else times)
        run.check_values(row, OF_MESSAGES, expected, run.in_order)
        run.check_values(row, OF_ERRORS, expected.error, run.in_order)


def test_the_raising_reports_of_a_message_form_a_chain(run):
    for (project, msg_id), message in run.messages.items():
        reports = [
            report
            for report in run.tables["DeliveryReport"]
            if (report["project_id"], report["msg_id"]) == (project, msg_id)
        ]
        raising = sorted(filter(raises, reports), key=lambda report: RANKS.index(report["status"]))
        chain = [None, *(report["status"] for report in raising)]
        assert [report["previous_status"] for report in raising] == chain[:-1]
        assert chain[-1] == message["status"]
        assert message["changed_at"] == raising[-1]["received_at"]
        assert {report["previous_status"] for report in reports} <= {*chain}


def test_group_events_alternate_and_end_with_the_last_request(run):
    """If requests are processed out of turn, a group event can count as a repeat."""
    actions: dict[tuple[str, str, str], list[int]] = {}
    for row in run.tables[GROUP]:
        payload = run.payloads[run.numbers[row["request_id"]]]
        about = ("project_id", "group_id", "number", "action")
        assert [row[name] for name in about] == [payload[name] for name in about]
        assert row["group_subject"] in ("", "Team")
        member = (row["project_id"], row["group_id"], row["number"])
        actions.setdefault(member, []).append(row["action"])
    if run.in_order:
        values = [event.values for key, event in run.reference.events.items() if key[0] == GROUP]
        subjects = [row["group_subject"] for row in run.tables[GROUP]]
        assert subjects == [first.get("group_subject", [""])[0] for first in values]
    expected = run.reference.actions
    assert set(actions) == set(expected)
    for member, stored in actions.items():
        assert all(before != after for before, after in pairwise(stored))
        assert len(stored) <= len(expected[member])
        assert stored == expected[member] or not run.in_order
    joined = sorted(member for member, stored in expected.items() if stored[-1] == 1)
    assert sorted(map(tuple, run.tables["members"])) == joined


def test_every_signal_is_sent_once_for_each_event(run):
    calls = Counter(tuple(call) for call in run.calls if not call[0])
    assert calls == Counter(run.expected_calls(False, set(run.numbers)))


def test_a_replay_sends_the_signals_again_and_changes_no_row(run):
    again = {request["id"] for request in run.replayed["WebhookRequest"] if request["replays"]}
    assert len(again) == (len(run.requests) + 1) // 2
    calls = Counter(tuple(call) for call in run.calls if call[0])
    assert calls == Counter(run.expected_calls(True, again))
    for name in (*SIGNALS, "Message", "ReceiverFailure"):
        before, after = (
            {row["id"]: row for row in rows[name]} for rows in (run.tables, run.replayed)
        )
        if name == GROUP and not run.in_order:
            # A repeat that was processed out of turn can fill and move a later event.
            unchanged = ("id", "request_id", "action", "number", "received_at")
            before, after = (
                [[row[column] for column in unchanged] for _, row in sorted(rows.items())]
                for rows in (before, after)
            )
        assert after == before
    assert sorted(run.replayed["members"]) == sorted(run.tables["members"])
    counted = ("id", "state", "event_count", "repeat_count", "problem_count")
    for before, after in zip(run.requests, run.replayed["WebhookRequest"], strict=True):
        assert [after[name] for name in counted] == [before[name] for name in counted]
