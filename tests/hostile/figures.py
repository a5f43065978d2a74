"""The figures of the suite, printed in a few lines at its end."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Figures:
    """Counts of answers, mutations, codes and failures, and the highest costs."""

    answers: Counter[str] = field(default_factory=Counter)
    mutations: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    server_errors: int = 0
    lost: int = 0
    faults: int = 0
    slowest: float = 0
    slow: int = 0
    idle: int = 0
    #: By grammar: seconds and bytes of the most expensive body, number of tries, its recipe.
    dearest: dict[str, tuple[float, int, int, Any]] = field(default_factory=dict)
    peaks: dict[str, int] = field(default_factory=dict)
    rotation: Counter[str] = field(default_factory=Counter)

    def lines(self, database: str) -> list[str]:
        answers = ", ".join(f"{count} {answer}" for answer, count in self.answers.most_common())
        lines = []
        if self.answers:
            lines = [
                f"mutated inputs on {database}: {self.answers.total()} ({answers})",
                f"server errors: {self.server_errors}",
                f"raw bodies lost: {self.lost}",
                f"faults of the app (received, failing, dead): {self.faults}",
                f"slowest answer: {self.slowest * 1000:.0f} ms, over a second: {self.slow}",
            ]
        if self.peaks:
            highest = sorted(self.peaks.items(), key=lambda item: -item[1])[:3]
            peaks = ", ".join(f"{_mebibytes(peak)} ({name})" for name, peak in highest)
            lines.append(f"peak memory: {peaks}; idle {_mebibytes(self.idle)}")
        for name, (seconds, memory, tried, recipe) in self.dearest.items():
            cost = f"{seconds * 1000:.0f} ms or {_mebibytes(memory)}"
            lines.append(f"most expensive of {tried} bodies of {name}: {cost} ({recipe})")
        if self.rotation:
            refused = self.rotation.total() - self.rotation["200"]
            lines.append(f"refused during rotation: {refused} of {self.rotation.total()}")
        return lines


def _mebibytes(size: int) -> str:
    return f"{size / 2**20:.0f} MiB"
