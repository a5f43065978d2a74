"""``python3 -m benchmarks turns``: compare single requests, which take turns one by one.

All share one connection, so that only the work itself counts. A round is some requests of each
contender; the result is the median of the ratios of all rounds. On PostgreSQL this app takes a
second turn with prepared statements.
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

#: Requests of each contender in a round.
OF_ROUND = 20

#: Events that are recorded before: PostgreSQL plans differently for an empty table, and keeps the
#: plan of a prepared statement.
RECORDED = 600

#: A contender's name, and a function that takes one turn.
Turns = dict[str, Callable[[], None]]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--result", type=Path, required=True)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # django-anymail warns about services it will drop
    import django

    django.setup()
    logging.disable(logging.CRITICAL)
    from benchmarks import databases

    databases.make(0)
    try:
        with databases.kept_connections():
            figures = _measured(5 if options.quick else 40)
    finally:
        databases.drop()
    options.result.write_text(json.dumps(figures), "utf-8")


def _measured(rounds: int) -> dict[str, dict[str, float]]:
    """Return of each contender the milliseconds of a request, and its speed to the bare view."""
    from django.db import connection

    from tests.scale.dialects import dialect

    turns = _turns()
    for _ in range(RECORDED):
        turns["this app, a new event"]()
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            # As a server does by itself, soon after.
            cursor.execute(dialect().analyze.format(table=table))
    seconds: dict[str, list[float]] = defaultdict(list)
    for number in range(rounds + 1):
        took = dict.fromkeys(turns, 0.0)
        for _ in range(OF_ROUND):
            for name, turn in turns.items():
                began = time.perf_counter()
                turn()
                took[name] += time.perf_counter() - began
        if number:  # the first warms up
            for name, value in took.items():
                seconds[name].append(value)
    bare = seconds["a bare view, one `create`"]
    return {
        name: {
            "milliseconds": statistics.median(values) / OF_ROUND * 1000,
            "ratio": statistics.median(
                other / own for own, other in zip(values, bare, strict=True)
            ),
        }
        for name, values in seconds.items()
    }


def _turns() -> Turns:
    from django.db import connection

    from benchmarks import bodies
    from benchmarks.contenders import EVENTS, Anymail, Bare, post

    def new(path: str, body: Any, headers: Any = None) -> Callable[[], None]:
        return lambda: post(path, body(bodies.new(1)), headers or {})

    def later() -> None:
        """Report another status of a message that is recorded already."""
        body = bodies.batch([reported.pop(0)]).replace(b'"status": "4"', b'"status": "3"')
        post(EVENTS, body.replace(b'"status": "2"', b'"status": "3"'), {})

    def first() -> None:
        [number] = bodies.new(1)
        reported.append(number)
        post(EVENTS, bodies.batch([number]), {})

    def silent() -> None:
        with _without_receivers():
            post(EVENTS, bodies.batch(bodies.new(1)), {})

    reported: list[int] = []
    turns: Turns = {
        "a bare view, one `create`": new(Bare.path, bodies.batch),
        "this app, a new event": first,
        "this app, a later status": later,
        "this app, no receiver": silent,
        "this app, a chat message": new(EVENTS, bodies.chat),
        "django-anymail, `get_or_create`": new(Anymail.path, bodies.tracking, Anymail.headers),
    }
    if connection.vendor == "postgresql":
        for name in ("a new event", "a later status", "no receiver"):
            turns[f"this app, {name}, prepared"] = _prepared(turns[f"this app, {name}"])
    return turns


def _prepared(turn: Callable[[], None]) -> Callable[[], None]:
    """Take a turn as with ``OPTIONS["prepare_threshold"]``."""
    from django.db import connection

    def run() -> None:
        options = connection.settings_dict["OPTIONS"]
        options["prepare_threshold"] = connection.connection.prepare_threshold = 0
        turn()
        options["prepare_threshold"] = connection.connection.prepare_threshold = None

    return run


@contextmanager
def _without_receivers() -> Iterator[None]:
    from pickyassist_webhooks.signals import delivery_received

    receivers, delivery_received.receivers = delivery_received.receivers, []
    delivery_received.sender_receivers_cache.clear()
    yield
    delivery_received.receivers = receivers
    delivery_received.sender_receivers_cache.clear()


if __name__ == "__main__":
    main()
