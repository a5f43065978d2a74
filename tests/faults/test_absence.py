"""A database that is stopped, frozen or locked by another process."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing

from tests.faults import spool as spools

#: The longest wait for an answer while the database is down.
SECONDS = 5


@spools.with_and_without
def test_stopped(postgres_backend, tmp_path, make_stage, judge, short, spool):
    """All open connections are broken afterwards."""
    cluster = postgres_backend.cluster
    database = postgres_backend.fresh(tmp_path) | {"CONN_MAX_AGE": 60}
    stage = make_stage(database, **spools.keys(spool, tmp_path))
    stage.serve()
    with stage.load(rate=50):
        time.sleep(1.5)
        began = time.monotonic()
        cluster.stop()
        try:
            time.sleep(short(5, 30))
        finally:
            cluster.start()
        ended = time.monotonic()
        time.sleep(1.5)
    judge(spools.label("database stopped", spool), 1, stage)
    spools.check_answers(stage.client.counts, spool)
    assert stage.client.counts.slowest(began - 1, ended) <= SECONDS


@spools.with_and_without
def test_frozen(postgres_backend, tmp_path, make_stage, judge, short, spool):
    stage = make_stage(postgres_backend.fresh(tmp_path), **spools.keys(spool, tmp_path))
    stage.serve()
    with stage.load(rate=5, threads=24):
        time.sleep(1)
        with postgres_backend.cluster.frozen():
            began = time.monotonic()
            time.sleep(short(4, 20))
        ended = time.monotonic()
        time.sleep(1)
    judge(spools.label("database frozen", spool), 1, stage)
    spools.check_answers(stage.client.counts, spool)
    assert stage.client.counts.slowest(began, ended) <= SECONDS


@spools.with_and_without
def test_locked(sqlite_backend, tmp_path, make_stage, judge, short, spool):
    """For SQLite, another connection to the file is like another process."""
    stage = make_stage(sqlite_backend.fresh(tmp_path), **spools.keys(spool, tmp_path))
    stage.serve()
    with stage.load(rate=4, threads=24):
        time.sleep(1)
        with closing(sqlite3.connect(stage.database["NAME"], isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            began = time.monotonic()
            time.sleep(short(5, 20))
            other.execute("ROLLBACK")
        ended = time.monotonic()
        time.sleep(1)
    judge(spools.label("database locked", spool), 1, stage)
    spools.check_answers(stage.client.counts, spool)
    assert stage.client.counts.slowest(began, ended - 3) <= SECONDS
