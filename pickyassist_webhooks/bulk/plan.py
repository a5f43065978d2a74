"""What one transaction writes, as data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from ..exceptions import LeaseLost

#: Rows written by one statement. Databases and drivers hold it in memory several times, and
#: MariaDB refuses one of more than ``max_allowed_packet``.
BATCH = 5000

#: The id of a request in its events, if one plan inserts them all. It sorts after all other ids.
NEW = 2**63 - 1
#: The columns that hold the id of a request.
OF_REQUEST = ("request_id", "arrival", "last_arrival")


@dataclass
class Insert:
    """New rows of one model. They get their ids."""

    rows: list[Any]


@dataclass
class Update:
    """Rows of one model that were found and then changed."""

    rows: list[Any]


@dataclass
class Change:
    """The same changes of rows that were claimed together, if all of them still are.

    A ``lazy`` change may be undone by a power failure. ``own`` are columns of JSON: each
    row gets the value of its object, or null.
    """

    rows: list[Any]
    changes: dict[str, Any]
    lazy: bool = False
    own: tuple[str, ...] = ()

    def own_values(self, name: str) -> dict[int, Any]:
        """Return the values of a column of ``own``, by the ids of their rows."""
        values = ((row.pk, getattr(row, name)) for row in self.rows)
        return {pk: value for pk, value in values if value is not None}

    def check(self, changed: int) -> None:
        """Raise ``LeaseLost`` if rows were not changed."""
        if changed != len(self.rows):
            raise LeaseLost(f"another worker has taken over {self.rows[0]}")


Step = Insert | Update | Change
#: The writes in their order. A request that is inserted comes first, and alone.
Plan = list[Step]


def in_sets(step: type[Insert] | type[Update], rows: Iterable[Any]) -> Plan:
    """Return the steps that write these rows, in the order of their keys.

    All workers write in this order, so overlapping sets do not deadlock.
    """
    ordered = sorted(rows, key=attrgetter("key"))
    return [step(ordered[start : start + BATCH]) for start in range(0, len(ordered), BATCH)]


def model_of(rows: list[Any]) -> Any:
    """Return the model of a set of rows."""
    return type(rows[0])


def request_of(plan: Plan) -> Any:
    """Return the request that a plan inserts, or ``None``."""
    if plan and isinstance(plan[0], Insert) and not hasattr(plan[0].rows[0], "key"):
        return plan[0].rows[0]
    return None


def give_ids(rows: Iterable[Any], returned: Iterable[tuple[int, str]]) -> None:
    """Give new rows the ids that the database returned, with their keys; a request has none."""
    ids = {key: pk for pk, key in returned}
    for row in rows:
        row.pk = ids[getattr(row, "key", "")]


def give_request(rows: Iterable[Any], pk: int) -> None:
    """Write the id of their request, now that it is known, into rows that lack it."""
    for row in rows:
        values = vars(row)
        if values.get("request_id") == NEW:
            row.request.pk = pk  # an object that the row holds
        for name in OF_REQUEST:
            if values.get(name) == NEW:
                values[name] = pk
