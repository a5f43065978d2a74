"""The speed of this machine: limits of seconds were chosen on one machine, and scale with it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

#: Seconds of the loop of ``calibrate`` on the machine that the limits were chosen on.
NOMINAL = 0.055


def fastest(measure: Callable[[], float], limit: float, times: int = 5) -> float:
    """Return the lowest of up to ``times`` measured costs; stop if one is below the limit.

    Another process may slow down some of them, but slow code is slow in each. A cost over the limit
    counts as it would be on the machine that the limits were chosen on.
    """
    lowest = float("inf")
    for _ in range(times):
        cost = measure()
        lowest = min(lowest, cost if cost < limit else cost / calibrate())
        if lowest < limit:
            break
    return lowest


def is_quick(operation: Callable[[], Any], limit: float) -> bool:
    """Tell whether an operation takes less than ``limit`` seconds of processor time."""
    return fastest(lambda: seconds_of(operation), limit) < limit


def seconds_of(operation: Callable[[], Any]) -> float:
    began = time.process_time()
    operation()
    return time.process_time() - began


def calibrate() -> float:
    """Return how many times slower this machine is than the one the limits were chosen on."""
    return max(1.0, min(_loop() for _ in range(5)) / NOMINAL)


def _loop() -> float:
    began = time.process_time()
    text = json.dumps([{"a": str(number), "b": [number, 1.5]} for number in range(20_000)])
    for _ in range(2):
        json.loads(text)
    sum(number * number for number in range(400_000))
    return time.process_time() - began
