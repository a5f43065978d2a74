"""A number in the contacts and mentions of other people's chat messages."""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import Any

from ..models import ChatMessage
from ..parsing.chat import spelling
from .chunks import CHUNK
from .phone_numbers import Number

#: The columns. A value that is not a list is in ``extra`` instead, under the vendor's name.
_FIELDS = ("contacts", "mentions")
_NAMES = ("contact", "group-mentions")


def count(number: Number, database: str, own: Set[int]) -> int:
    """Return how many messages mention a number, without those that are its own."""
    return sum(pk not in own for pk, _ in _mentioning(number, database))


def empty(number: Number, database: str) -> int:
    """Remove the lists that mention a number, and return how many messages had one."""
    messages = ChatMessage.objects.using(database)
    emptied = 0
    for pk, changes in list(_mentioning(number, database)):
        emptied += messages.filter(pk=pk).update(**changes)
    return emptied


def _mentioning(number: Number, database: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the id of each message that mentions a number, and its columns without that."""
    # All of them, because databases compare JSON differently.
    for pk, extra, *lists in _read(database):
        changes: dict[str, Any] = {
            name: []
            for name, values in zip(_FIELDS, lists, strict=True)
            if values and number.is_in_json(values)
        }
        kept = {
            name: value
            for name, value in extra.items()
            if spelling(name) not in _NAMES or not number.is_in_json(value)
        }
        if len(kept) != len(extra):
            changes["extra"] = kept
        if changes:
            yield pk, changes


def _read(database: str) -> Iterator[tuple[Any, ...]]:
    """Yield the columns of all messages, by statements that each read a chunk of them."""
    messages: Any = ChatMessage.objects.using(database).order_by("pk")
    rows = messages.values_list("pk", "extra", *_FIELDS)
    last = 0
    while chunk := list(rows.filter(pk__gt=last)[:CHUNK]):
        yield from chunk
        last = chunk[-1][0]
