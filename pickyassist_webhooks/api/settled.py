"""Up to which request nothing can turn up any more between those that are there.

A database gives out an id before the row is committed, so that a row may appear below one that has
been read. Whoever follows must not pass it by.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import OperationalError, connections, transaction
from django.utils import timezone

from ..models import WebhookRequest
from ..models.requests import database_of_requests

#: For how long an id that nobody has used is waited for: far longer than it takes from the id to
#: the row, and no longer, as what failed never uses its id.
PATIENCE = timedelta(seconds=10)

_TABLE = WebhookRequest._meta.db_table


def settled(after: int, rows: list[tuple[int, datetime]]) -> set[int]:
    """Return those of the ids that follow ``after`` below which no row can appear any more.

    ``rows`` are ids, in their order, and when each came.
    """
    pks = [pk for pk, _ in rows]
    connection = connections[database_of_requests()]
    if not pks or connection.vendor == "sqlite":
        return set(pks)  # it has one writer at a time, who gets its ids while it is that
    if connection.vendor == "postgresql":
        early = _older_than_what_runs(pks)
    else:
        early = _once_writers_are_done(after, pks)
    found: set[int] = set()
    young = timezone.now() - PATIENCE
    for pk, at in rows:
        if pk not in early or (pk != after + 1 and at > young):
            break
        found.add(pk)
        after = pk
    return found


def _older_than_what_runs(pks: list[int]) -> set[int]:
    """Return what was written before any transaction began that still runs on PostgreSQL.

    Whoever has a lower id and has not committed began before what came after it was written.
    """
    with connections[database_of_requests()].cursor() as cursor:
        # Ages rather than numbers, which are used anew after four billion transactions.
        cursor.execute(
            f"SELECT id FROM {_TABLE} WHERE id = ANY(%s)"  # noqa: S608 -- our own table
            " AND age(xmin) > age(pg_snapshot_xmin(pg_current_snapshot())::xid)",
            [pks],
        )
        return {pk for (pk,) in cursor.fetchall()}


def _once_writers_are_done(after: int, pks: list[int]) -> set[int]:
    """Return what is there once MariaDB has waited for those who write between these rows."""
    database = database_of_requests()
    try:
        with transaction.atomic(using=database), connections[database].cursor() as cursor:
            cursor.execute(
                f"SELECT id FROM {_TABLE} WHERE id > %s AND id <= %s"  # noqa: S608
                " ORDER BY id LOCK IN SHARE MODE",
                [after, pks[-1]],
            )
            there = [pk for (pk,) in cursor.fetchall()]
    except OperationalError:
        return set()  # somebody writes for long: the next time
    # What has appeared meanwhile is read the next time, and nothing that follows it before.
    known = set(pks)
    early = next((place for place, pk in enumerate(there) if pk not in known), len(there))
    return set(there[:early])
