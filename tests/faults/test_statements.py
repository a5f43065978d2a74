"""The n-th statement of a request fails, for every n: before or after its execution."""

from __future__ import annotations

from itertools import count

from tests.faults import spool as spools
from tests.faults.client import event

#: A number of the load client for each kind of event.
KINDS = {"delivery": 2, "filter": 3, "member": 4, "subscriber": 5, "chat": 6}


@spools.with_and_without
def test_each_statement(backend, tmp_path, make_stage, judge, spool):
    stage = make_stage(backend.fresh(tmp_path), **spools.keys(spool, tmp_path))
    stage.serve()
    failed = 0
    for kind, number in KINDS.items():
        for when in ("before", "after"):
            for n in count(1):
                payload = event(f"{kind}-{when}-{n}", number)
                answer = stage.client.post(*payload, **{"X-Fault": f"{when}:{n}"})
                if answer.headers["X-Fault-Reached"] == "False":
                    break
                failed += 1
            assert n > 3, f"expected more statements: {answer}"
    figure = judge(spools.label("each statement and commit fails", spool), failed, stage)
    assert figure["refused"] == 0 or not spool
