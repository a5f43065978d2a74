"""Conversations in numbers: messages received and sent, and how soon people get an answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median
from typing import Any

from ..choices import Direction
from ..models import ChatMessage, Message
from ..models.moments import Moments
from .errors import FAILED
from .overview import SAMPLE, midnight

#: Messages sent by the API that are read to find answers.
MAX_SENT = 10 * SAMPLE

#: A person in a project: a number, or a Messenger account.
Person = tuple[str, str, str]

#: When a message came, whether it was sent to the person, and the person.
Turn = tuple[datetime, bool, Person]


@dataclass(frozen=True)
class Conversations:
    """The chat messages of a period by direction, and the answers to its newest questions.

    A question is one or several direct messages of a person, up to the next message to them.
    """

    received: int
    sent: int
    questions: int
    answered: int
    #: The median time from a question to its answer, if any has one.
    time_to_answer: timedelta | None

    @property
    def seconds_to_answer(self) -> float | None:
        return None if self.time_to_answer is None else self.time_to_answer.total_seconds()


def conversations(since: date, counts: Mapping[int, int]) -> Conversations:
    """Return the conversations since a day, of which ``counts`` are the messages by direction.

    Only its newest ``SAMPLE`` messages have questions.
    """
    chats = ChatMessage.objects.filter(received_at__gte=midnight(since))
    newest = chats.filter(group_id="").order_by("-received_at", "-pk")
    names = ("project_id", "number_key", "messenger_id", "direction", Moments("received_at"))
    directions = set(Direction.values)
    turns = [
        (at, direction == Direction.SENT, (project_id, number_key, "" if number_key else account))
        for project_id, number_key, account, direction, at in newest.values_list(*names)[:SAMPLE]
        if direction in directions
    ]
    turns.reverse()  # the oldest first
    everything = sorted([*turns, *_sent_by_api(turns)], key=lambda each: each[:2])
    questions, times = _answers(everything)
    time = timedelta(seconds=median(times)) if times else None
    received, sent = (counts[direction] for direction in Direction)
    return Conversations(received, sent, questions, len(times), time)


def _sent_by_api(turns: list[Turn]) -> list[Turn]:
    keys = {number_key for _, _, (_, number_key, _) in turns if number_key}
    if not keys:
        return []
    sent: Any = Message.objects.filter(number_key__in=keys, first_reported_at__gte=turns[0][0])
    # A message that failed is no answer.
    sent = sent.exclude(status__in=FAILED).order_by("first_reported_at")
    names = (Moments("first_reported_at"), "project_id", "number_key")
    rows = sent.values_list(*names)[:MAX_SENT]
    return [(at, True, (project_id, number_key, "")) for at, project_id, number_key in rows]


def _answers(turns: list[Turn]) -> tuple[int, list[float]]:
    """Return the number of questions, and the seconds until each answer."""
    questions = 0
    open_since: dict[Person, datetime] = {}
    times = []
    for at, is_ours, person in turns:
        if not is_ours:
            questions += person not in open_since
            open_since.setdefault(person, at)
        elif asked := open_since.pop(person, None):
            times.append((at - asked).total_seconds())
    return questions, times
