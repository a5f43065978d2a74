"""A database that runs but refuses: deadlocks, full disk, read-only, missing tables."""

from __future__ import annotations

import time

from tests.faults import spool as spools
from tests.faults.backends import migrate
from tests.faults.cluster import full, small_disk

#: PostgreSQL raises one deadlock and one serialization failure for every six statements.
TRIGGER = (
    "CREATE SEQUENCE faults",
    """
    CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE number bigint := nextval('faults');
    BEGIN
        IF number % 6 = 0 THEN RAISE 'deadlock' USING ERRCODE = '40P01'; END IF;
        IF number % 6 = 3 THEN RAISE 'serialization' USING ERRCODE = '40001'; END IF;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER fail BEFORE INSERT ON pickyassist_webhooks_deliveryreport
    FOR EACH STATEMENT EXECUTE FUNCTION fail()
    """,
)


def test_deadlocks_and_serialization_failures(postgres_backend, tmp_path, make_stage, judge, short):
    stage = make_stage(postgres_backend.fresh(tmp_path))
    postgres_backend.cluster.execute(*TRIGGER, database=stage.database["NAME"])
    stage.serve()
    with stage.load(rate=50):
        time.sleep(short(4, 30))
    [(fired,)] = postgres_backend.cluster.execute(
        "SELECT last_value FROM faults", database=stage.database["NAME"]
    )
    figure = judge("deadlocks and serialization failures", fired // 3, stage)
    assert fired > 30
    assert figure["refused"] == 0


def fill_up(stage, disk, short):
    """Fill the disk under load, then free it again."""
    stage.serve()
    with stage.load(rate=30, filler="x" * 3000):
        time.sleep(1)
        with full(disk):
            time.sleep(short(4, 20))
        time.sleep(1)


@spools.with_and_without
def test_disk_full_postgres(postgres_backend, tmp_path, make_stage, judge, short, spool):
    disk = postgres_backend.cluster.folder / "small"
    with small_disk(disk, 40), postgres_backend.tablespace(disk) as tablespace:
        database = postgres_backend.fresh(tmp_path, tablespace=tablespace)
        stage = make_stage(database, **spools.keys(spool, tmp_path))
        fill_up(stage, disk, short)
        judge(spools.label("disk full", spool), 1, stage)
        spools.check_answers(stage.client.counts, spool)


@spools.with_and_without
def test_disk_full_sqlite(sqlite_backend, tmp_path, make_stage, judge, short, spool):
    with small_disk(tmp_path / "small", 40) as disk:
        stage = make_stage(sqlite_backend.fresh(disk), **spools.keys(spool, tmp_path))
        fill_up(stage, disk, short)
        judge(spools.label("disk full", spool), 1, stage)
        spools.check_answers(stage.client.counts, spool)


@spools.with_and_without
def test_read_only(postgres_backend, tmp_path, make_stage, judge, short, spool):
    execute = postgres_backend.cluster.execute
    stage = make_stage(postgres_backend.fresh(tmp_path), **spools.keys(spool, tmp_path))
    setting = f"ALTER DATABASE {stage.database['NAME']} SET default_transaction_read_only"
    stage.serve()
    with stage.load(rate=30):
        time.sleep(1)
        execute(f"{setting} = on")
        time.sleep(short(3, 20))
        execute(f"{setting} = off")
        time.sleep(1)
    judge(spools.label("database read-only", spool), 1, stage)
    spools.check_answers(stage.client.counts, spool)


@spools.with_and_without
def test_not_migrated(backend, tmp_path, make_stage, judge, short, spool):
    database = backend.fresh(tmp_path, migrated=False)
    stage = make_stage(database, **spools.keys(spool, tmp_path))
    stage.serve()
    with stage.load(rate=30):
        time.sleep(short(2, 10))
        migrate(tmp_path, database)
        time.sleep(1)
    judge(spools.label("not migrated", spool), 1, stage)
    spools.check_answers(stage.client.counts, spool)
