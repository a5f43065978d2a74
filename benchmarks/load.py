"""``python3 -m benchmarks load``: single events at a steady rate, and large batches among them.

An event is due when the clock says so, however long those before it took, and its time counts
from then: a server that falls behind cannot hide it.
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
    """Posts what is due, on one connection."""

    def __init__(self, port: int, due: queue.Queue[Any]) -> None:
        super().__init__(daemon=True)
        self.port, self.due = port, due
        self.seconds: list[float] = []
        self.large: list[float] = []
        self.answers: Counter[str] = Counter()

    def run(self) -> None:
        from benchmarks.contenders import EVENTS

        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        while (one := self.due.get()) is not None:
            moment, body, is_large = one
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
    from benchmarks import places, served

    places.make(0)
    try:
        with served.running() as port:
            found = _run(port, options)
    finally:
        places.drop()
    options.result.write_text(json.dumps(found), "utf-8")
    held = found["lost"] == 0 and set(found["answers"]) == {"200"}
    held = held and (not options.p99 or found["p99"] < options.p99)
    if not held:
        print(f"benchmarks: the load was not borne: {found}", file=sys.stderr)
    return 0 if held else 1


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
    """Return how many rows there are, each of another event, of requests that are done."""
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
        help="milliseconds in which 99 of 100 single events have to be answered; 0: any",
    )
    parser.add_argument("--burst-every", type=float, default=60, help="seconds between batches")
    parser.add_argument("--result", type=Path, required=True)
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
