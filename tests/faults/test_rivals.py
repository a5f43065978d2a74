"""The same request many times at once, and batches that overlap in opposite order."""

from __future__ import annotations

from functools import partial

from tests.faults.client import STATUSES, event, names_of
from tests.requests import delivery, row


def test_identical(place, tmp_path, stage, judge, short):
    """50 identical requests at once are one event each, and its signals."""
    one = stage(place.fresh(tmp_path))
    one.serve()
    rounds = short(4, 20)
    for number in range(2, 2 + rounds):  # four in a row are one of each kind
        call = partial(one.client.post, *event("same", number))
        one.client.at_once(*[call] * 50)
    judge("50 identical requests at once", rounds, one)


def test_overlapping(place, tmp_path, stage, judge, short):
    """Eight batches at once of 200 rows each, half of them in opposite order."""
    one = stage(place.fresh(tmp_path))
    one.serve()
    rounds = short(3, 20)
    for number in range(rounds):
        rows = [
            row(f"over-{number}-{place}", STATUSES[place % len(STATUSES)]) for place in range(300)
        ]
        calls = []
        for start in range(0, 100, 25):
            batch = rows[start : start + 200]
            for ordered in (batch, batch[::-1]):
                calls.append(partial(one.client.post, delivery(*ordered), names_of(batch)))
        one.client.at_once(*calls)
    judge("overlapping batches of 200 in opposite order", rounds, one)
