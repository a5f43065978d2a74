"""Processes are killed at each point of a request, under load."""

from __future__ import annotations

import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.faults.backends import migrate
from tests.faults.points import POINTS
from tests.faults.stage import ASGI, Stage

#: A killed worker keeps its claims for a minute, and an interrupted receiver waits longer.
PATIENCE = 300

#: Seconds after which all requests with a short delay have been retried.
LULL = 150

#: The states of a request that has used all attempts or waits for hours.
AT_REST = {"failing", "dead"}


def kill(stage: Stage, times: int) -> None:
    """One server processes all requests inline, the other leaves half of them to a worker.

    The first has a thread for each request; the second runs under ASGI.
    """
    stage.serve()
    stage.serve(ASGI, PROCESSOR="tests.faults.engine.sometimes")
    stage.work()
    with stage.load(rate=30):
        for _ in range(times):
            for point in POINTS:
                stage.arm(point)
                wait_for_more(stage)


def wait_for_more(stage: Stage) -> None:
    """Wait until the server has recovered: otherwise most requests would get no answer."""
    before, end = stage.client.counts.of(200), time.monotonic() + 30
    while stage.client.counts.of(200) < before + 10:
        assert time.monotonic() < end, stage.log("server")
        time.sleep(0.02)


@pytest.fixture(scope="session")
def killed(sqlite_backend, postgres_backend, mariadb_backend, tmp_path_factory, short):
    """Kill on all databases at once, and leave a worker running on each."""
    times, stages = short(3, 25), {}
    backends = {"sqlite": sqlite_backend, "postgres": postgres_backend, "mariadb": mariadb_backend}
    for name, backend in backends.items():
        folder = tmp_path_factory.mktemp(f"kills-{name}")
        stages[name] = Stage(folder, backend.fresh(folder))
    try:
        with ThreadPoolExecutor() as pool:
            for done in [pool.submit(kill, stage, times) for stage in stages.values()]:
                done.result()
        yield stages, times * len(POINTS)
    finally:
        for stage in stages.values():
            stage.close()


def test_killed(killed):
    """Each point was reached, and each process there was killed."""
    stages, _ = killed
    for stage in stages.values():
        assert list((stage.folder / "armed").iterdir()) == []
        assert set(stage.ends) == {-signal.SIGKILL}


@pytest.mark.parametrize("name", ["sqlite", "postgres", "mariadb"])
def test_killed_and_finished(killed, name, judge):
    """The next worker finishes the requests of the killed ones, by the real clock."""
    stages, times = killed
    stage, end = stages[name], time.monotonic() + PATIENCE
    while (unfinished := stage.compare()["unfinished"]) and time.monotonic() < end:
        if not set(unfinished) - AT_REST and time.monotonic() > end - PATIENCE + LULL:
            break
        time.sleep(2)
    assert set(stage.ends) == {-signal.SIGKILL}, stage.log("worker")
    if unfinished:
        # Their workers were killed again and again, so they must be replayed by hand.
        assert sum(unfinished.values()) < 10, unfinished
        states = [f"--state={state}" for state in unfinished]
        stage.run("django", "pickyassist_replay", "--no-input", *states)
    judge("killed at each point", times, stage)


def test_killed_while_draining(backend, tmp_path, make_stage, judge, short):
    """A worker dies before and after it commits a request from the spool."""
    database = backend.fresh(tmp_path, migrated=False)
    stage = make_stage(database, SPOOL_DIR=str(tmp_path / "spool"))
    stage.serve()
    with stage.load(rate=50):
        time.sleep(short(3, 10))
    assert stage.client.counts.spooled() == stage.client.counts.sent
    migrate(tmp_path, database)
    stage.work()
    times = short(2, 10)
    for _ in range(times):
        stage.arm("worker.before-insert")
        stage.arm("worker.after-insert")
    judge("killed while draining the spool", 2 * times, stage)
    assert set(stage.ends) == {-signal.SIGKILL}
