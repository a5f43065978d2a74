"""A database that is there and refuses: deadlocks, no space, no writes, no tables."""

from __future__ import annotations

import time

from tests.faults import spool as spools
from tests.faults.cluster import full, small_disk
from tests.faults.place import migrate

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


def test_deadlocks_and_serialization_failures(postgres_place, tmp_path, stage, judge, short):
    one = stage(postgres_place.fresh(tmp_path))
    postgres_place.cluster.execute(*TRIGGER, database=one.database["NAME"])
    one.serve()
    with one.load(rate=50):
        time.sleep(short(4, 30))
    [(fired,)] = postgres_place.cluster.execute(
        "SELECT last_value FROM faults", database=one.database["NAME"]
    )
    figure = judge("deadlocks and serialization failures", fired // 3, one)
    assert fired > 30
    assert figure["refused"] == 0


def fill_up(one, disk, short):
    """Fill the disk under load, then free it again."""
    one.serve()
    with one.load(rate=30, filler="x" * 3000):
        time.sleep(1)
        with full(disk):
            time.sleep(short(4, 20))
        time.sleep(1)


@spools.with_and_without
def test_disk_full_postgres(postgres_place, tmp_path, stage, judge, short, spool):
    disk = postgres_place.cluster.folder / "small"
    with small_disk(disk, 40), postgres_place.tablespace(disk) as tablespace:
        database = postgres_place.fresh(tmp_path, tablespace=tablespace)
        one = stage(database, **spools.keys(spool, tmp_path))
        fill_up(one, disk, short)
        judge(spools.named("disk full", spool), 1, one)
        spools.check_answers(one.client.counts, spool)


@spools.with_and_without
def test_disk_full_sqlite(sqlite_place, tmp_path, stage, judge, short, spool):
    with small_disk(tmp_path / "small", 40) as disk:
        one = stage(sqlite_place.fresh(disk), **spools.keys(spool, tmp_path))
        fill_up(one, disk, short)
        judge(spools.named("disk full", spool), 1, one)
        spools.check_answers(one.client.counts, spool)


@spools.with_and_without
def test_read_only(postgres_place, tmp_path, stage, judge, short, spool):
    execute = postgres_place.cluster.execute
    one = stage(postgres_place.fresh(tmp_path), **spools.keys(spool, tmp_path))
    setting = f"ALTER DATABASE {one.database['NAME']} SET default_transaction_read_only"
    one.serve()
    with one.load(rate=30):
        time.sleep(1)
        execute(f"{setting} = on")
        time.sleep(short(3, 20))
        execute(f"{setting} = off")
        time.sleep(1)
    judge(spools.named("database read-only", spool), 1, one)
    spools.check_answers(one.client.counts, spool)


@spools.with_and_without
def test_not_migrated(place, tmp_path, stage, judge, short, spool):
    database = place.fresh(tmp_path, migrated=False)
    one = stage(database, **spools.keys(spool, tmp_path))
    one.serve()
    with one.load(rate=30):
        time.sleep(short(2, 10))
        migrate(tmp_path, database)
        time.sleep(1)
    judge(spools.named("not migrated", spool), 1, one)
    spools.check_answers(one.client.counts, spool)
