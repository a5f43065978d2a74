"""A database that is stopped, frozen or held by another process."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing

from tests.faults import spool as spools

#: No answer to a request that came while the database was away may take longer.
SECONDS = 5


@spools.with_and_without
def test_stopped(postgres_place, tmp_path, stage, judge, short, spool):
    """Connections that are kept open, as most servers do, are all broken afterwards."""
    cluster = postgres_place.cluster
    database = postgres_place.fresh(tmp_path) | {"CONN_MAX_AGE": 60}
    one = stage(database, **spools.keys(spool, tmp_path))
    one.serve()
    with one.load(rate=50):
        time.sleep(1.5)
        began = time.monotonic()
        cluster.stop()
        try:
            time.sleep(short(5, 30))
        finally:
            cluster.start()
        ended = time.monotonic()
        time.sleep(1.5)
    judge(spools.named("database stopped", spool), 1, one)
    spools.check_answers(one.client.counts, spool)
    assert one.client.counts.slowest(began - 1, ended) <= SECONDS


@spools.with_and_without
def test_frozen(postgres_place, tmp_path, stage, judge, short, spool):
    one = stage(postgres_place.fresh(tmp_path), **spools.keys(spool, tmp_path))
    one.serve()
    with one.load(rate=5, threads=24):
        time.sleep(1)
        with postgres_place.cluster.frozen():
            began = time.monotonic()
            time.sleep(short(4, 20))
        ended = time.monotonic()
        time.sleep(1)
    judge(spools.named("database frozen", spool), 1, one)
    spools.check_answers(one.client.counts, spool)
    assert one.client.counts.slowest(began, ended) <= SECONDS


@spools.with_and_without
def test_locked(sqlite_place, tmp_path, stage, judge, short, spool):
    """Another connection to the file is another process to SQLite."""
    one = stage(sqlite_place.fresh(tmp_path), **spools.keys(spool, tmp_path))
    one.serve()
    with one.load(rate=4, threads=24):
        time.sleep(1)
        with closing(sqlite3.connect(one.database["NAME"], isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            began = time.monotonic()
            time.sleep(short(5, 20))
            other.execute("ROLLBACK")
        ended = time.monotonic()
        time.sleep(1)
    judge(spools.named("database locked", spool), 1, one)
    spools.check_answers(one.client.counts, spool)
    assert one.client.counts.slowest(began, ended - 3) <= SECONDS
