"""``python3 -m benchmarks load``: single events at a steady rate, and some large batches.

The clock alone decides when an event is due, and its time counts from then. So a server that falls
behind cannot hide it.
"""

from __future__ import annotations

import argparse
import json
import queue
import statistics
import sys
import threading
import time
from collections import Counter
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

CLIENTS = 12
LARGE = 10_000


class Client(threading.Thread):
    """Posts the events that are due, on one connection."""

    def __init__(self, port: int, due: queue.Queue[Any]) -> None:
        super().__init__(daemon=True)
        self.port, self.due = port, due
        self.seconds: list[float] = []
        self.large: list[float] = []
        self.answers: Counter[str] = Counter()

    def run(self) -> None:
        from benchmarks.contenders import EVENTS

        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        while (entry := self.due.get()) is not None:
            moment, body, is_large = entry
            time.sleep(max(0.0, moment - time.monotonic()))
            try:
                connection.request("POST", EVENTS, body, {"Content-Type": "application/json"})
                answer = connection.getresponse()
                answer.read()
                self.answers[str(answer.status)] += 1
            except (OSError, HTTPException) as err:
                self.answers[type(err).__name__] += 1
                connection.close()
            (self.large if is_large else self.seconds).append(time.monotonic() - moment)
        connection.close()


def main(argv: list[str]) -> int:
    options = _options(argv)
    import django

    django.setup()
    from benchmarks import databases, served

    databases.make(0)
    try:
        with served.running() as port:
            results = _run(port, options)
    finally:
        databases.drop()
    options.result.write_text(json.dumps(results), "utf-8")
    passed = results["lost"] == 0 and set(results["answers"]) == {"200"}
    passed = passed and (not options.p99 or results["p99"] < options.p99)
    if not passed:
        print(f"benchmarks: the load was too high: {results}", file=sys.stderr)
    return 0 if passed else 1


def _run(port: int, options: argparse.Namespace) -> dict[str, Any]:
    from benchmarks import bodies

    due: queue.Queue[Any] = queue.Queue(CLIENTS * 4)
    clients = [Client(port, due) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    began = time.monotonic() + 1
    seconds = options.minutes * 60
    events = round(options.rate * seconds)
    sent = 0
    bursts = 0
    for number in range(events):
        after = number / options.rate
        if after >= (bursts + 0.5) * options.burst_every:
            numbers = bodies.new(LARGE)
            due.put((began + after, bodies.batch(numbers), True))
            sent += LARGE
            bursts += 1
        due.put((began + after, bodies.batch(bodies.new(1)), False))
        sent += 1
        if number % options.rate == 0:
            _tell(f"{after:.0f} of {seconds:.0f} s, {sent:,} events, {bursts} batches of {LARGE:,}")
    for _ in clients:
        due.put(None)
    for client in clients:
        client.join()
    took = time.monotonic() - began
    times = sorted(time for client in clients for time in client.seconds)
    large = [time for client in clients for time in client.large]
    cut = statistics.quantiles(times, n=1000)
    answers = sum((client.answers for client in clients), Counter[str]())
    return {
        "seconds": round(took, 1),
        "events": events,
        "a_second": round(events / took, 1),
        "batches": bursts,
        "rows": sent,
        "p50": _ms(cut[499]),
        "p99": _ms(cut[989]),
        "p99.9": _ms(cut[998]),
        "slowest": _ms(times[-1]),
        "slowest_batch": _ms(max(large, default=0)),
        "answers": dict(answers),
        "lost": sent - _kept(),
    }


def _kept() -> int:
    """Return the number of distinct events of processed requests."""
    from pickyassist_webhooks.models import DeliveryReport

    done = DeliveryReport.objects.filter(request__state="done")
    return done.values("msg_id").distinct().count()


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)


def _tell(line: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)


def _options(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 -m benchmarks load", description=__doc__)
    parser.add_argument("--rate", type=int, default=150, help="single events a second")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument(
        "--p99",
        type=float,
        default=250,
        help="limit for 99 of 100 single events, in milliseconds; 0: no limit",
    )
    parser.add_argument("--burst-every", type=float, default=60, help="seconds between batches")
    parser.add_argument("--result", type=Path, required=True)
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
