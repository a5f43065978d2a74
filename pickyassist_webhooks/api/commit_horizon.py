"""The commit horizon: the last request below which no row can appear any more.

A database assigns an id before the row is committed, so a row can appear below one that has been
read. The change feed must not skip it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import takewhile
from operator import itemgetter

from django.db import connections, transaction
from django.utils import timezone

from ..models import WebhookRequest
from ..models.moments import elapsed
from ..models.requests import database_of_requests

#: How long to wait for a missing id. A commit takes far less time; a failed insert never uses its
#: id.
PATIENCE = timedelta(seconds=10)

_TABLE = WebhookRequest._meta.db_table

#: On PostgreSQL: the first running transaction and the next one, in 64 bits.
_RUNNING = (
    "SELECT pg_snapshot_xmin(now)::text::bigint AS first, pg_snapshot_xmax(now)::text::bigint AS"
    " next FROM pg_current_snapshot() AS now"
)


def below_horizon(after: int, rows: Sequence[WebhookRequest]) -> set[int]:
    """Return the ids after ``after`` that are below the commit horizon.

    ``rows`` are in the order of their ids.
    """
    pks = [row.pk for row in rows]
    connection = connections[database_of_requests()]
    if not pks or connection.vendor == "sqlite":
        return set(pks)  # only one transaction writes at a time
    if connection.vendor == "postgresql":
        committed = _older_than_running(after, pks[-1])
    else:
        committed = _committed_or_not(after, pks[-1])
    # Stop before a row that is not committed or has appeared since: the next page reads it and
    # the rows after it.
    read_pks = set(pks)
    early = set(takewhile(read_pks.__contains__, committed))
    safe: set[int] = set()
    now = timezone.now()
    for row in rows:
        if row.pk not in early or (row.pk != after + 1 and _is_young(row, now)):
            break
        safe.add(row.pk)
        after = row.pk
    return safe


def _is_young(row: WebhookRequest, now: datetime) -> bool:
    """Tell whether rows with lower ids may not be committed yet.

    A request from the spool was received long before it was inserted. Until it is processed, its
    ``due_at`` tells when that was; at its second attempt it is older than any commit.
    """
    is_new = row.processed_at is None and row.attempts < 2
    moments = (row.received_at, row.processed_at, row.due_at if is_new else None)
    return any(is_recent(at, now) for at in moments if at)


def is_recent(at: datetime, now: datetime) -> bool:
    """Tell whether a moment is less than ``PATIENCE`` ago, or in the future."""
    # Without USE_TZ the column does not tell the two times apart that an hour has twice.
    ages = [elapsed(at.replace(fold=fold), now) for fold in (0, 1)]
    return any(age < PATIENCE for age in ages if age >= timedelta()) or max(ages) < timedelta()


def _older_than_running(after: int, last: int) -> list[int]:
    """Return the ids of rows written before every running transaction (PostgreSQL).

    If a lower id is not committed, its transaction still runs, and it began before the rows above
    were written.
    """
    with connections[database_of_requests()].cursor() as cursor:
        # A row keeps only 32 bits of its transaction number, so its age is unknown (age() of an
        # old row is negative). If they do not match a transaction between the first running one
        # and the next one, the row is older.
        cursor.execute(
            f"SELECT id, (({_TABLE}.xmin::text::bigint - first) & 4294967295) >= next - first"  # noqa: S608
            f" FROM {_TABLE}, ({_RUNNING}) AS running WHERE id > %s AND id <= %s ORDER BY id",
            [after, last],
        )
        return [pk for pk, _ in takewhile(itemgetter(1), cursor.fetchall())]


def _committed_or_not(after: int, last: int) -> list[int]:
    """Return the ids of rows, also of those that are not committed yet (MariaDB).

    A locking read would wait for every transaction that has one of the rows.
    """
    connection = connections[database_of_requests()]
    with connection.cursor() as cursor:
        if connection.get_autocommit():  # a transaction that has begun keeps its level
            cursor.execute("SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED")
        with transaction.atomic(using=connection.alias):
            cursor.execute(
                f"SELECT id FROM {_TABLE} WHERE id > %s AND id <= %s ORDER BY id",  # noqa: S608
                [after, last],
            )
            return [pk for (pk,) in cursor.fetchall()]
