"""Ids of rows, as many at once as one statement or the memory takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import QuerySet

#: Ids in one statement.
CHUNK = 500

#: Bytes of bodies that are read at once.
_BYTES_AT_ONCE = 4 * 1024 * 1024


def chunks(values: Iterable[Any]) -> Iterator[list[Any]]:
    """Yield the values in order, as many at once as one statement takes."""
    ordered = sorted(values)
    for start in range(0, len(ordered), CHUNK):
        yield ordered[start : start + CHUNK]


def in_chunks(rows: QuerySet[Any]) -> Iterator[Any]:
    """Yield rows by statements that each read a chunk of them.

    A cursor of PostgreSQL belongs to a session, and a pooler can give each transaction another one.
    """
    for pks in chunks(rows.values_list("pk", flat=True)):
        yield from rows.filter(pk__in=pks)


def together(sizes: Iterable[tuple[int, int]]) -> Iterator[list[int]]:
    """Yield ids of requests whose bodies may be read at once."""
    pks: list[int] = []
    room = _BYTES_AT_ONCE
    for pk, size in sizes:
        if pks and size > room:
            yield pks
            pks, room = [], _BYTES_AT_ONCE
        pks.append(pk)
        room -= size
    yield pks
