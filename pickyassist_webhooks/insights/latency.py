"""The times of the newest requests until they were done, and of each receiver in them.

The times were measured when the receivers were called, and are columns of the request.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter

from ..choices import RequestState
from ..models import WebhookRequest, durations
from ..models.moments import Moments
from ..models.together import rows_of
from .overview import SAMPLE

#: States of requests whose receivers were called. Failed calls count too: they may be the slowest.
CALLED = (
    RequestState.DONE,
    RequestState.QUARANTINED,
    RequestState.FAILING,
    RequestState.DEAD,
)

_COLUMNS = (
    *("pk", Moments("received_at"), Moments("finished_at")),
    *("receiver_seconds", "replays", "state"),
)

#: The id of a request, and seconds.
_Times = list[tuple[int, float]]


@dataclass(frozen=True)
class Latency:
    """Times in seconds, of requests or, if ``receiver`` is not blank, of a receiver in each.

    ``last`` is that of the newest request; ``slowest`` is the id of the request with ``longest``.
    """

    receiver: str
    count: int
    p50: float
    p95: float
    last: float
    longest: float
    slowest: int


def latencies() -> list[Latency]:
    """Return the times of the newest requests, then those of each receiver, the slowest first."""
    requests = WebhookRequest.objects.order_by("-received_at").values_list(*_COLUMNS)
    of_states = rows_of([requests.filter(state=state)[:SAMPLE] for state in CALLED], newest=SAMPLE)
    newest = sorted(chain.from_iterable(of_states), key=itemgetter(1, 0), reverse=True)
    whole: _Times = []
    of_receivers: dict[str, _Times] = defaultdict(list)
    for pk, received_at, finished_at, times, replays, state in newest:
        seconds = durations.until(finished_at, received_at)
        # A replay waited for a person.
        if seconds is not None and state == RequestState.DONE and not replays:
            whole.append((pk, seconds))
        for receiver, seconds in (times or {}).items():
            of_receivers[receiver].append((pk, seconds))
    receivers = [_latency(name, times) for name, times in of_receivers.items()]
    receivers.sort(key=lambda each: (-each.p95, each.receiver))
    return [_latency("", whole), *receivers] if whole else receivers


def _latency(receiver: str, times: _Times) -> Latency:
    """Return the times of requests, of which the newest is the first."""
    ordered = sorted(times, key=itemgetter(1))
    p50, p95 = (ordered[(len(ordered) * part + 99) // 100 - 1][1] for part in (50, 95))
    slowest, longest = ordered[-1]
    return Latency(receiver, len(times), p50, p95, times[0][1], longest, slowest)
