"""Metrics for Prometheus. Importing this module registers their collector.

All values come from the database, so they are the same in each process. Each scrape reads a bounded
number of rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db import Error as DatabaseFault
from django.utils import timezone
from prometheus_client import REGISTRY
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from . import health
from .choices import UNFINISHED, RequestState
from .health.facts import Facts
from .health.queue import oldest_file
from .inbox.refusals import recent_refusals
from .insights import streams
from .models import MODELS
from .models.failures import failures
from .models.moments import elapsed, in_utc
from .models.requests import requests
from .models.together import counts_of

#: Rows that are counted at most.
MOST = 10_000

_STATES = (*UNFINISHED, RequestState.QUARANTINED, RequestState.DEAD)


class WebhookCollector(Collector):
    """Collects the health, the queue and the events. Each family is made by one method."""

    def describe(self) -> Iterator[Metric]:
        """Yield the families without values: registering must not read the database."""
        yield from _families().values()

    def collect(self) -> Iterator[Metric]:
        """Yield all families; if the database cannot be read, only the levels of conditions."""
        now = timezone.now()
        families = _families()
        level = families["condition_level"]
        for condition in health.report().conditions:
            level.add_metric([condition.condition], condition.level.rank)
        yield level
        try:
            _fill(families, now)
        except DatabaseFault:
            return
        yield from [family for family in families.values() if family is not level]


def _families() -> dict[str, Any]:
    """Return the families by the end of their names. Their order is that of the output."""
    gauges = {
        "condition_level": ("Level of a condition: 0 ok, 1 degraded, 2 failing.", ["condition"]),
        "requests": (f"Requests that are not finished; {MOST} means more.", ["state"]),
        "receiver_failures": (f"Receiver calls that failed; {MOST} means more.", []),
        "refused_requests": ("Requests with a wrong secret in the last hour.", []),
        "oldest_due_request_age_seconds": ("Age of the oldest due request, 0 if none.", []),
        "oldest_spool_file_age_seconds": ("Age of the oldest spooled request, 0 if none.", []),
        "process_last_run_timestamp_seconds": ("When pickyassist_process last ran.", []),
        "last_event_timestamp_seconds": ("When the last event of a kind came.", ["kind"]),
    }
    families: dict[str, Any] = {
        name: GaugeMetricFamily(f"pickyassist_{name}", text, labels=labels)
        for name, (text, labels) in gauges.items()
    }
    text = "Events stored since the first look at the health, repeats not counted."
    families["events"] = CounterMetricFamily("pickyassist_events", text, labels=["kind"])
    return families


def _fill(families: dict[str, Any], now: datetime) -> None:
    """Add the values that come from the database, except for the conditions."""
    facts = Facts(now)
    rows: list[Any] = [*(requests().filter(state=state) for state in _STATES), failures()]
    *counts, failed = counts_of([each.order_by()[:MOST] for each in rows])
    for state, count in zip(_STATES, counts, strict=True):
        families["requests"].add_metric([state.value], count)
    families["receiver_failures"].add_metric([], failed)
    families["refused_requests"].add_metric([], recent_refusals(now))
    ages = {"request": facts.oldest_request, "file": oldest_file()}
    families["oldest_due_request_age_seconds"].add_metric([], _age(ages["request"], now))
    families["oldest_spool_file_age_seconds"].add_metric([], _age(ages["file"], now))
    if ran_at := facts.last_run:
        families["process_last_run_timestamp_seconds"].add_metric([], _seconds(ran_at))
    by_kind = streams.current(now)
    for kind in MODELS:
        of_kind = by_kind[kind]
        counts = [stream.count for stream in of_kind.by_project.values()]
        families["events"].add_metric([str(kind)], sum(counts))
        if last_at := of_kind.last_at:
            families["last_event_timestamp_seconds"].add_metric([str(kind)], _seconds(last_at))


def _age(since: datetime | None, now: datetime) -> float:
    return max(0.0, elapsed(since, now).total_seconds()) if since else 0.0


def _seconds(moment: datetime) -> float:
    return in_utc(moment).timestamp()


REGISTRY.register(WebhookCollector())
