"""How long a request and its receivers took."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from .moments import elapsed

#: Receivers whose times are kept of one request, the slowest.
MAX_RECEIVERS = 20

#: Seconds by the name of a receiver.
Seconds = dict[str, float]


def until(finished_at: datetime | None, received_at: datetime) -> float | None:
    """Return the seconds from the arrival of a request until it was finished, to the ms."""
    if finished_at is None:
        return None
    # A clock that was set meanwhile can be behind.
    return round(max(0.0, elapsed(received_at, finished_at).total_seconds()), 3)


def total(*times: Seconds | None, calls: Iterable[tuple[str, float]] = ()) -> Seconds:
    """Return the sum of these times and calls for each receiver, of the slowest, to the ms."""
    sums: Seconds = {}
    measured = [pair for each in times if each for pair in each.items()]
    for receiver, seconds in (*measured, *calls):
        sums[receiver] = sums.get(receiver, 0.0) + seconds
    slowest = sorted(sums.items(), key=lambda pair: -pair[1])[:MAX_RECEIVERS]
    return {receiver: round(seconds, 3) for receiver, seconds in slowest}
