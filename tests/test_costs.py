"""The cost of a request in stable figures: statements, commits and calls of Python functions.

``benchmarks/measured.md`` tells what follows from them in time.
"""

from __future__ import annotations

import cProfile
import pstats
import re
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from pickyassist_webhooks.inbox.sweep import sweep
from tests.requests import chat, delivery, filtered, keep, member, post, row, subscriber

pytestmark = pytest.mark.django_db(transaction=True)

DOCS = Path(__file__).resolve().parent.parent / "docs" / "performance-tables.md"
ROWS = 300

#: The body posted first, the body counted, and whether a receiver is connected.
CASES = {
    "new": ([], delivery(row("1", "4")), True),
    "new, no receiver": ([], delivery(row("1", "4")), False),
    "a later status": ([delivery(row("1", "4"))], delivery(row("1", "1")), True),
    "a repeat": ([delivery(row("1", "4"))], delivery(row("1", "4")), True),
    "a richer repeat": (
        [delivery(row("1", "4"))],
        delivery(row("1", "4", reference_number="ORD-1")),
        True,
    ),
    "a number filter report": ([], filtered(), True),
    "a group member": ([], member(), True),
    "a new subscriber": ([], subscriber(), True),
    "a chat message": ([], chat(), True),
    "an answer": ([delivery(row("1", "4"))], chat(context_msg_id="1"), True),
    "quarantined": ([], {"event_id": 99}, True),
}

#: Statements and commits of each, on PostgreSQL, SQLite and MariaDB.
COSTS = {
    "new": [(3, 2), (5, 2), (6, 2)],
    "new, no receiver": [(2, 1), (4, 1), (5, 1)],
    "a later status": [(3, 2), (5, 2), (6, 2)],
    "a repeat": [(3, 1), (3, 1), (4, 1)],
    "a richer repeat": [(3, 1), (5, 1), (6, 1)],
    "a number filter report": [(3, 2), (4, 2), (5, 2)],
    "a group member": [(3, 2), (4, 2), (5, 2)],
    "a new subscriber": [(3, 2), (4, 2), (5, 2)],
    "a chat message": [(3, 2), (4, 2), (5, 2)],
    "an answer": [(4, 2), (5, 2), (6, 2)],
    "quarantined": [(1, 1), (1, 1), (2, 1)],
}
#: Signals that have a receiver.
HEARD = (
    *("delivery_received", "number_filtered", "member_joined", "subscriber_added"),
    "message_received",
)
PLACE = {"postgresql": 0, "sqlite": 1, "mysql": 2}

#: Calls of functions, Django's included, for a single event and for each further row of a batch: a
#: sixth more than Python 3.10 makes, which inlines least. By way of the ORM it takes three and
#: five times as many.
CALLS = {"postgresql": (4900, 340), "sqlite": (4200, 330), "mysql": (5500, 540)}


def cost(run):
    """Return the number of statements and of commits."""
    with CaptureQueriesContext(connection) as captured:
        run()
    statements = commits = 0
    inside = False
    for sql in (query["sql"] for query in captured):
        if sql.startswith("BEGIN") or sql == "SET autocommit = 0":
            inside = True
        elif sql == "COMMIT":
            inside, commits = False, commits + 1
        elif not sql.startswith("SET "):
            statements += 1
            commits += not (inside or sql.startswith("SELECT"))
    return statements, commits


@pytest.mark.parametrize("case", CASES)
def test_statements_and_commits(case, listen):
    before, body, is_heard = CASES[case]
    if is_heard:
        for name in HEARD:
            listen(name)
    for each in before:
        post(each)
    assert cost(lambda: post(body)) == COSTS[case][PLACE[connection.vendor]]


def test_a_batch_costs_what_one_event_costs(listen):
    listen("delivery_received")
    once = cost(lambda: post(delivery(row("1", "4"))))
    batch = delivery(*[row(f"m{number}", "4") for number in range(ROWS)])
    assert cost(lambda: post(batch)) == once


def test_the_view_does_not_parse_if_a_worker_does(settings):
    settings.PICKYASSIST_WEBHOOKS = {**settings.PICKYASSIST_WEBHOOKS, "PROCESSOR": "none"}
    assert cost(lambda: post(delivery())) == (1, 1)


def test_the_sweep_shares_statements(listen):
    """A hundred single events cost little more than one."""
    listen("delivery_received")
    for number in range(100):
        keep(delivery(row(str(number), "4")))
    statements, commits = cost(sweep)
    assert statements <= 14
    assert commits <= 7


def calls(body):
    """Return the number of function calls to receive this body."""
    post(body)  # imports, and caches that are filled once
    profile = cProfile.Profile()
    profile.runcall(post, body | {"project_id": "4200"})
    return pstats.Stats(profile).total_calls


def test_calls(listen):
    listen("delivery_received")
    single = calls(delivery(row("1", "4")))
    batch = calls(delivery(*[row(f"m{number}", "4") for number in range(ROWS)]))
    of_event, of_row = CALLS[connection.vendor]
    assert single <= of_event
    assert (batch - single) / (ROWS - 1) <= of_row


def test_the_docs_have_these_figures():
    rows = re.findall(r"^\| ([a-z, ]+) \| (\d) \| (\d) \| (\d) \| (\d) \|", DOCS.read_text(), re.M)
    documented = {name: tuple(map(int, figures)) for name, *figures in rows}
    assert documented == {
        case: (*(statements for statements, _ in costs), costs[0][1])
        for case, costs in COSTS.items()
    }
