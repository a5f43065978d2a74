"""Processes killed at each point of a request's way, under load."""

from __future__ import annotations

import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.faults.place import migrate
from tests.faults.points import POINTS
from tests.faults.stage import Stage

#: A killed worker holds its requests for a minute, and a receiver that was running rests longer.
PATIENCE = 300

#: Seconds after which all that is not at rest for long has been taken up again.
LULL = 150

#: What a request is in that has used up its attempts, or rests for hours after many of them.
AT_REST = {"failing", "dead"}


def kill(stage: Stage, times: int) -> None:
    """One server does all within the request, the other hands on what it has kept."""
    stage.serve()
    stage.serve(PROCESSOR="tests.faults.engine.sometimes")
    stage.work()
    with stage.load(rate=30):
        for _ in range(times):
            for point in POINTS:
                stage.arm(point)
                wait_for_more(stage)


def wait_for_more(stage: Stage) -> None:
    """Wait until the server has recovered: else most requests would die unanswered."""
    before, end = stage.client.counts.of(200), time.monotonic() + 30
    while stage.client.counts.of(200) < before + 10:
        assert time.monotonic() < end, stage.log("server")
        time.sleep(0.02)


@pytest.fixture(scope="session")
def killed(sqlite_place, postgres_place, mariadb_place, tmp_path_factory, short):
    """Kill on all databases at once, and leave a worker behind on each."""
    times, stages = short(3, 25), {}
    places = {"sqlite": sqlite_place, "postgres": postgres_place, "mariadb": mariadb_place}
    for name, place in places.items():
        folder = tmp_path_factory.mktemp(f"kills-{name}")
        stages[name] = Stage(folder, place.fresh(folder))
    try:
        with ThreadPoolExecutor() as pool:
            for done in [pool.submit(kill, stage, times) for stage in stages.values()]:
                done.result()
        yield stages, times * len(POINTS)
    finally:
        for stage in stages.values():
            stage.close()


def test_killed(killed):
    """Each point was reached, and whoever reached it was killed."""
    stages, _ = killed
    for stage in stages.values():
        assert list((stage.folder / "armed").iterdir()) == []
        assert set(stage.ends) == {-signal.SIGKILL}


@pytest.mark.parametrize("name", ["sqlite", "postgres", "mariadb"])
def test_killed_and_finished(killed, name, judge):
    """The worker that goes on finishes what the dead ones held, by the real clock."""
    stages, times = killed
    stage, end = stages[name], time.monotonic() + PATIENCE
    while (unfinished := stage.compare()["unfinished"]) and time.monotonic() < end:
        if not set(unfinished) - AT_REST and time.monotonic() > end - PATIENCE + LULL:
            break
        time.sleep(2)
    assert set(stage.ends) == {-signal.SIGKILL}, stage.log("worker")
    if unfinished:
        # Whose workers were killed again and again: a person has them processed once more.
        assert sum(unfinished.values()) < 10, unfinished
        states = [f"--state={state}" for state in unfinished]
        stage.run("django", "pickyassist_replay", "--no-input", *states)
    judge("killed at each point", times, stage)


def test_killed_while_draining(place, tmp_path, stage, judge, short):
    """A worker dies before and after it commits what it takes from the spool."""
    database = place.fresh(tmp_path, migrated=False)
    one = stage(database, SPOOL_DIR=str(tmp_path / "spool"))
    one.serve()
    with one.load(rate=50):
        time.sleep(short(3, 10))
    assert one.client.counts.spooled() == one.client.counts.sent
    migrate(tmp_path, database)
    one.work()
    times = short(2, 10)
    for _ in range(times):
        one.arm("worker.before-insert")
        one.arm("worker.after-insert")
    judge("killed while draining the spool", 2 * times, one)
    assert set(one.ends) == {-signal.SIGKILL}
