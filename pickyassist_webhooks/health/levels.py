"""The result of a condition, and the words for ages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils import timezone
from django.utils.timesince import timesince

from ..choices import Level


@dataclass(frozen=True)
class Condition:
    """One condition of the report: its name, its level, and a sentence that says why."""

    condition: str
    level: Level
    reason: str

    def as_dict(self) -> dict[str, str]:
        return {"condition": self.condition, "level": self.level.value, "reason": self.reason}


@dataclass(frozen=True)
class Report:
    """All conditions that could be read."""

    conditions: tuple[Condition, ...]

    @property
    def status(self) -> Level:
        """The worst level of all conditions."""
        return max((each.level for each in self.conditions), key=lambda level: level.rank)

    def as_dict(self) -> dict[str, Any]:
        conditions = [condition.as_dict() for condition in self.conditions]
        return {"status": self.status.value, "conditions": conditions}


#: The level of a condition, and its reason.
Finding = tuple[Level, str]


def level_of(age: timedelta, degraded: timedelta, failing: timedelta | None = None) -> Level:
    """Return the level of an age, from the ages at which the levels begin."""
    if failing is not None and age >= failing:
        return Level.FAILING
    return Level.DEGRADED if age >= degraded else Level.OK


def in_words(age: timedelta) -> str:
    """Return an age as text, such as "7 minutes"."""
    now = timezone.now()
    return timesince(now - age, now, depth=1).replace("\xa0", " ")
