"""The errors of failed messages: the most frequent ones, and those that a list can be filtered by.

Only the newest failed messages are read, by ranges of an index.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import chain
from typing import Any

from ..choices import DeliveryStatus
from ..models import Message, masking
from ..models.together import tallies_of
from ..parsing.errors import text_of
from .overview import TOP, midnight

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
    reported = Message.objects.filter(first_reported_at__gte=midnight(since))
    samples = [messages[:ERROR_SAMPLE] for messages in failed(reported)]
    tallies = tallies_of(samples, "error_code", "error_group")
    by_name: dict[str, Error] = {}
    for (code, group), (count, newest) in chain.from_iterable(map(dict.items, tallies)):
        # Left out here: the database would read on until it has enough messages with an error.
        if group is None:
            continue
        text = text_of(group, code)
        shown = text if with_texts else text and masking.hidden(text)
        error = by_name.setdefault(group if with_texts else code, Error(code, shown, 0, newest))
        error.count += count
        error.newest = max(error.newest, newest)
    return sorted(by_name.values(), key=lambda error: (-error.count, error.code, error.text))[:TOP]


def failed(messages: Any) -> list[Any]:
    """Return the failed messages of each status, the newest first."""
    newest = messages.order_by("-first_reported_at")
    return [newest.filter(status=status) for status in FAILED]
