"""Time the contenders in rounds; in each round all of them take a turn.

Other work on the machine changes times a lot, but ratios within a round only a little. So each
round has its own ratios, and the result is their median.
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
from benchmarks.databases import at

#: By rows in a batch: the number of batches in a round, and the number of rounds.
SIZES = {1: (150, 9), 100: (15, 7), 1000: (3, 7), 10_000: (1, 3)}

REPEATS = "repeats"


#: The letter of a contender, and the number of existing rows.
Turn = tuple[str, int]


@dataclass
class Times:
    """Seconds for a batch, by turn and round."""

    of: dict[Turn, list[float]] = field(default_factory=lambda: defaultdict(list))

    def median(self, turn: Turn) -> float:
        return statistics.median(self.of[turn])

    def ratio(self, turn: Turn, to: Turn) -> float:
        """Return the speed of ``turn`` relative to ``to``: the median over all rounds."""
        rounds = zip(self.of[turn], self.of[to], strict=True)
        return statistics.median(other / own for own, other in rounds)

    def figures(self) -> dict[str, Any]:
        """Return the medians of all turns, and the ratios of all to all."""
        return {
            "seconds": [[*turn, self.median(turn)] for turn in self.of],
            "ratios": [[*turn, *to, self.ratio(turn, to)] for turn in self.of for to in self.of],
        }


def rounds(size: int, row_counts: Sequence[int], quick: bool) -> Iterator[dict[Turn, float]]:
    """Give each contender a turn in each round; yield the seconds for a batch."""
    batches, count = SIZES[size]
    if quick:
        batches, count = max(1, batches // 3), 3
    contenders: list[Contender] = [Bare(), Inline(), Kept(), Sweep(), Anymail(), Raw()]
    for number in range(count + 1):
        seconds: dict[Turn, float] = {}
        for contender in contenders:
            for existing in row_counts:
                numbers = [bodies.new(size) for _ in range(batches)]
                with at(existing):
                    first = _timed(contender.prepare(numbers))
                    again = _timed(contender.prepare(numbers)) if contender.can_repeat else None
                seconds[contender.letter, existing] = first / batches
                if again is not None:
                    seconds[REPEATS, existing] = again / batches
        if number:  # the first warms up
            yield seconds


def measured(
    size: int, row_counts: Sequence[int], quick: bool, tell: Callable[[str], None]
) -> Times:
    """Return the times of all turns with batches of ``size`` rows; report progress to ``tell``."""
    times = Times()
    for number, seconds in enumerate(rounds(size, row_counts, quick), 1):
        tell(f"batches of {size}: round {number} of {3 if quick else SIZES[size][1]}")
        for turn, value in seconds.items():
            times.of[turn].append(value)
    return times


def _timed(run: Callable[[], Any]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began
