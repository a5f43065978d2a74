"""The errors of failed messages: the most frequent ones, and those that a list can be filtered by.

Only the newest failed messages are read, by ranges of an index.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import chain
from typing import Any

from ..choices import DeliveryStatus
from ..models import Message, masking
from ..models.together import rows_of
from ..parsing.errors import without_numbers
from .overview import SAMPLE, TOP, midnight

#: Newest messages of each status whose errors are counted.
ERROR_SAMPLE = 10_000

#: Statuses of messages whose errors are counted. A message with a receipt is no failed one.
FAILED = (DeliveryStatus.FAILED, DeliveryStatus.REFUNDED)


@dataclass
class Error:
    """Failed messages with one code and, but for its numbers, one text.

    ``newest`` is the id of the newest of them.
    """

    code: str
    text: str
    count: int
    newest: int


def errors(since: date, with_texts: bool = True) -> list[Error]:
    """Return the most frequent errors of the messages that were first reported since a day.

    Without texts, all errors with one code are one, and its text is masked.
    """
    groups: dict[str, Error] = {}
    for pk, code, text, group in _newest(since):
        name = group if with_texts else code
        if error := groups.get(name):
            error.count += 1
            error.newest = max(error.newest, pk)
        else:
            shown = without_numbers(text) if with_texts else text and masking.hidden(text)
            groups[name] = Error(code, shown, 1, pk)
    return sorted(groups.values(), key=lambda error: (-error.count, error.code, error.text))[:TOP]


def _newest(since: date) -> Iterator[tuple[int, str, str, str]]:
    names = ("pk", "error_code", "error_message", "error_group")
    reported = Message.objects.filter(first_reported_at__gte=midnight(since))
    newest = _failed(reported.values_list(*names), ERROR_SAMPLE)
    # Those without an error are left out here: the database would read on until it has enough.
    yield from (row for row in newest if row[-1] is not None)


def codes_in_use() -> list[str]:
    """Return the error codes of the newest failed messages."""
    newest = _failed(Message.objects.values_list("error_code"), SAMPLE)
    return sorted({code for (code,) in newest} - {""})


def _failed(messages: Any, limit: int) -> Iterator[Any]:
    """Return the newest failed messages of each status, in one statement."""
    newest = messages.order_by("-first_reported_at")
    return chain.from_iterable(rows_of([newest.filter(status=status)[:limit] for status in FAILED]))
