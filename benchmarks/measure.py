"""How long each contender takes, in rounds in which all of them take their turn.

Times wobble with whatever else the machine does, ratios within one round much less: so ratios
are taken in each round, and the median of those is told.
"""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks import bodies
from benchmarks.contenders import Anymail, Bare, Contender, Inline, Kept, Raw, Sweep
from benchmarks.places import at

#: Rows in a batch, how many batches make a round, and how many rounds there are.
SIZES = {1: (150, 9), 100: (15, 7), 1000: (3, 7), 10_000: (1, 3)}

REPEATS = "repeats"


#: Who takes their turn, and how many rows there are already.
Turn = tuple[str, int]


@dataclass
class Times:
    """Seconds for a batch: of each turn, in each round."""

    of: dict[Turn, list[float]] = field(default_factory=lambda: defaultdict(list))

    def median(self, turn: Turn) -> float:
        return statistics.median(self.of[turn])

    def ratio(self, turn: Turn, to: Turn) -> float:
        """Return how fast ``turn`` is, if ``to`` is 1: the median of the ratios of all rounds."""
        rounds = zip(self.of[turn], self.of[to], strict=True)
        return statistics.median(other / own for own, other in rounds)

    def figures(self) -> dict[str, Any]:
        """Return the medians of all turns, and the ratios of all to all."""
        return {
            "seconds": [[*turn, self.median(turn)] for turn in self.of],
            "ratios": [[*turn, *to, self.ratio(turn, to)] for turn in self.of for to in self.of],
        }


def rounds(size: int, places: Sequence[int], quick: bool) -> Iterator[dict[Turn, float]]:
    """Let everybody take their turn in each round, and yield the seconds of each for a batch."""
    batches, count = SIZES[size]
    if quick:
        batches, count = max(1, batches // 3), 3
    contenders: list[Contender] = [Bare(), Inline(), Kept(), Sweep(), Anymail(), Raw()]
    for number in range(count + 1):
        seconds: dict[Turn, float] = {}
        for contender in contenders:
            for place in places:
                numbers = [bodies.new(size) for _ in range(batches)]
                with at(place):
                    first = _timed(contender.prepare(numbers))
                    again = _timed(contender.prepare(numbers)) if contender.can_repeat else None
                seconds[contender.letter, place] = first / batches
                if again is not None:
                    seconds[REPEATS, place] = again / batches
        if number:  # the first warms up
            yield seconds


def measured(size: int, places: Sequence[int], quick: bool, tell: Callable[[str], None]) -> Times:
    """Return the times of all turns with batches of so many rows; ``tell`` what is done."""
    times = Times()
    for number, seconds in enumerate(rounds(size, places, quick), 1):
        tell(f"batches of {size}: round {number} of {3 if quick else SIZES[size][1]}")
        for turn, value in seconds.items():
            times.of[turn].append(value)
    return times


def _timed(run: Callable[[], Any]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began
