"""A number in the contacts and mentions of other people's chat messages."""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import Any

from ..models import ChatMessage
from .phone_numbers import Number

_FIELDS = ("contacts", "mentions")


def count(number: Number, database: str, own: Set[int]) -> int:
    """Return how many messages mention a number, without those that are its own."""
    return sum(pk not in own for pk, _ in _mentioning(number, database))


def empty(number: Number, database: str) -> int:
    """Empty the lists that mention a number, and return how many messages had one."""
    messages = ChatMessage.objects.using(database)
    emptied = 0
    for pk, names in list(_mentioning(number, database)):
        emptied += messages.filter(pk=pk).update(**{name: [] for name in names})
    return emptied


def _mentioning(number: Number, database: str) -> Iterator[tuple[int, list[str]]]:
    messages: Any = ChatMessage.objects.using(database).order_by("pk")
    # Most have none. A text, because databases compare JSON differently.
    for pk, *lists in messages.values_list("pk", *_FIELDS).iterator():
        names = [
            name
            for name, values in zip(_FIELDS, lists, strict=True)
            if values and number.is_in_json(values)
        ]
        if names:
            yield pk, names
