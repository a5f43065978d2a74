"""The recorded events of each member of a group, with which a new event is compared.

Group events have no identity: one that equals its neighbour in time is a repeat.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from datetime import timedelta
from operator import itemgetter

from ..choices import GroupAction
from ..models import GroupMemberEvent
from ..models.moments import elapsed

#: Project, group and number.
Member = tuple[str, str, str]
#: The order of the requests, then the position in the batch.
Position = tuple[int, int]

_position = itemgetter(0)


class History:
    """The recorded events of one member."""

    def __init__(self) -> None:
        self.ordinal = 0
        self._own: dict[tuple[int | None, int], GroupMemberEvent] = {}
        # Both are sorted by position. An unknown action is neither a join nor an exit, so it does
        # not come between two joins.
        self._all: list[tuple[Position, GroupMemberEvent]] = []
        self._known: list[tuple[Position, GroupMemberEvent]] = []

    def record(self, event: GroupMemberEvent) -> None:
        self.ordinal = max(self.ordinal, event.ordinal)
        self._own[event.request_id, event.index] = event
        self._place(event, (event.arrival, event.index))

    def recorded(self, row: GroupMemberEvent) -> GroupMemberEvent | None:
        """Return the event that this row became in an earlier attempt."""
        return self._own.get((row.request_id, row.index))

    def repeated_by(
        self, row: GroupMemberEvent, repeat_window: timedelta
    ) -> GroupMemberEvent | None:
        """Return the event that ``row`` repeats: an equal one right before or after it.

        After it, because another worker may have been faster with a later request.
        """
        entries = self._known if row.action in GroupAction.values else self._all
        after = bisect_right(entries, (row.arrival, row.index), key=_position)
        for _, event in entries[max(after - 1, 0) : after + 1]:
            apart = abs(elapsed(event.received_at, row.received_at))
            if apart < repeat_window and _are_equal(event, row):
                return event
        return None

    def fill(self, event: GroupMemberEvent, row: GroupMemberEvent) -> bool:
        """Fill an event from its repeat, and tell whether that changed it.

        An earlier repeat moves the event to its own position.
        """
        moves = row.arrival < event.arrival
        changed = event.fill_from(row)
        if moves:
            for entries in (self._all, self._known):
                entries[:] = [entry for entry in entries if entry[1] is not event]
            self._place(event, (row.arrival, row.index))
        return changed

    def _place(self, event: GroupMemberEvent, position: Position) -> None:
        insort(self._all, (position, event), key=_position)
        if event.action in GroupAction.values:
            insort(self._known, (position, event), key=_position)


def member_of(event: GroupMemberEvent) -> Member:
    return (event.project_id, event.group_id, event.number)


def _are_equal(event: GroupMemberEvent, row: GroupMemberEvent) -> bool:
    """Compare two events of one member; a blank equals everything."""
    return event.action == row.action and all(
        getattr(event, name) == getattr(row, name)
        or "" in (getattr(event, name), getattr(row, name))
        for name in GroupMemberEvent.fillable()
    )
