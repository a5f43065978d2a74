"""An archive with more than 2^32 transactions, the range of PostgreSQL's numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator

import psycopg
import pytest

from tests.faults.backends import migrate
from tests.faults.cluster import Cluster
from tests.faults.stage import Stage

TABLE = "pickyassist_webhooks_webhookrequest"
#: Copies the first request.
COPY = f"""
    INSERT INTO {TABLE} SELECT other.* FROM
        (SELECT * FROM {TABLE} ORDER BY id LIMIT 1) AS first,
        jsonb_populate_record(NULL::{TABLE}, to_jsonb(first) || jsonb_build_object(
            'id', nextval(pg_get_serial_sequence('{TABLE}', 'id')), 'token', gen_random_uuid()
        )) AS other
"""  # noqa: S608


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    cluster = Cluster()
    try:
        yield cluster
    finally:
        cluster.close()


def test_the_change_feed_works_at_any_transaction_number(cluster, make_stage, tmp_path):
    migrate(tmp_path, cluster.settings("postgres"))
    stage: Stage = make_stage(cluster.settings("postgres"))
    stage.run("django", "shell", "-c", "from tests.requests import *; post(delivery())")
    cluster.execute(f"UPDATE {TABLE} SET received_at = received_at - interval '1 day'")  # noqa: S608
    for transaction in (None, 3 * 2**29, 3 * 2**30, 2**32 - 40, 2**32 + 2**30):
        if transaction:
            cluster.advance_to(transaction)
        check_feed_with_a_late_writer(cluster, stage)
    [(number,)] = cluster.execute("SELECT pg_current_xact_id()::text::bigint")
    assert number > 2**32 + 2**30


def check_feed_with_a_late_writer(cluster: Cluster, stage: Stage) -> None:
    """Read the feed while a transaction with a lower request id is open, and afterwards."""

    def ids_of_feed() -> list[int]:
        ids: list[int] = json.loads(stage.run("tests.faults.change_feed"))
        return ids

    def all_ids() -> list[int]:
        return [pk for (pk,) in cluster.execute(f"SELECT id FROM {TABLE} ORDER BY id")]  # noqa: S608

    before = all_ids()
    address = {"host": "127.0.0.1", "port": cluster.port, "user": "postgres", "dbname": "postgres"}
    with psycopg.connect(**address) as late:
        late.execute(COPY)
        for _ in range(60):  # past 2^32, if the counter is near it
            cluster.execute(COPY)
        assert ids_of_feed() == before
    assert ids_of_feed() == all_ids() == list(range(1, len(before) + 62))
