"""The same request many times at once, and overlapping batches in opposite order."""

from __future__ import annotations

from functools import partial

from tests.faults.client import STATUSES, event, names_of
from tests.requests import delivery, row


def test_identical(backend, tmp_path, make_stage, judge, short):
    """50 identical requests at once are stored and signalled once."""
    stage = make_stage(backend.fresh(tmp_path))
    stage.serve()
    rounds = short(5, 20)
    for number in range(2, 2 + rounds):  # five in a row are one of each kind
        call = partial(stage.client.post, *event("same", number))
        stage.client.at_once(*[call] * 50)
    judge("50 identical requests at once", rounds, stage)


def test_overlapping(backend, tmp_path, make_stage, judge, short):
    """Eight batches at once of 200 rows each, half of them in opposite order."""
    stage = make_stage(backend.fresh(tmp_path))
    stage.serve()
    rounds = short(3, 20)
    for number in range(rounds):
        rows = [
            row(f"over-{number}-{index}", STATUSES[index % len(STATUSES)]) for index in range(300)
        ]
        calls = []
        for start in range(0, 100, 25):
            batch = rows[start : start + 200]
            for ordered in (batch, batch[::-1]):
                calls.append(partial(stage.client.post, delivery(*ordered), names_of(batch)))
        stage.client.at_once(*calls)
    judge("overlapping batches of 200 in opposite order", rounds, stage)
