"""Recipes for hostile bodies: a few atoms, repeated up to the limit."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from random import Random

from tests.hostile.bodies import LIMIT

#: Stands for a number that differs each time the unit is repeated.
NUMBER = "\N{NUMERO SIGN}"

#: The repeats of an atom in a unit, and of a unit in a body: up to the limit of a body, or just
#: below a limit of the parser.
_TIMES = (1, 1, 1, 2, 3, 8, 30, 200, 4000, 60_000)
_COUNTS = (LIMIT, LIMIT, LIMIT, 590_000, 195_000, 65_000, 49_000, 14_900, 5_000, 700, 60)
_PADS = (0, 0, 0, 1, 2, 8, 13, 60)


@dataclass(frozen=True)
class Recipe:
    """The parts of a body. Units are padded with ``pad`` blanks, and the body up to its limit."""

    label: str
    head: str
    unit: tuple[tuple[str, int], ...]
    tail: str
    count: int = LIMIT
    pad: int = 0
    is_padded: bool = False

    def body(self) -> bytes:
        unit = "".join(atom * times for atom, times in self.unit) + " " * self.pad
        head, tail = _bytes(self.head), _bytes(self.tail)
        room = LIMIT - len(head) - len(tail)
        if NUMBER in unit:
            width = len(_bytes(unit.replace(NUMBER, "1234567")))
            numbers = range(1_000_000, 1_000_000 + min(self.count, room // width))
            middle = _bytes("".join(unit.replace(NUMBER, str(number)) for number in numbers))
        else:
            encoded = _bytes(unit)
            middle = encoded * min(self.count, room // max(len(encoded), 1))
        body = head + middle + tail
        return body.ljust(LIMIT) if self.is_padded else body


def _bytes(text: str) -> bytes:
    # Half of a surrogate pair stands for a byte that is not UTF-8.
    return text.encode("utf-8", "surrogateescape")


@dataclass(frozen=True)
class Grammar:
    """The parts of one kind of bodies, their use, and the first recipes of the search."""

    name: str
    target: str
    labels: tuple[str, ...]
    heads: tuple[str, ...]
    atoms: tuple[str, ...]
    tails: tuple[str, ...]
    first: tuple[Recipe, ...] = field(default=())

    def random(self, random: Random) -> Recipe:
        unit = tuple(self._part(random) for _ in range(random.randint(1, 4)))
        return Recipe(
            random.choice(self.labels),
            random.choice(self.heads),
            unit,
            random.choice(self.tails),
            random.choice(_COUNTS),
            random.choice(_PADS),
            random.random() < 0.3,
        )

    def changed(self, recipe: Recipe, random: Random) -> Recipe:
        """Return a copy of a recipe with one part changed."""
        other = self.random(random)
        name = random.choice(("label", "head", "tail", "count", "pad", "is_padded", *["unit"] * 6))
        if name != "unit":
            return replace(recipe, **{name: getattr(other, name)})
        unit = list(recipe.unit)
        position = random.randrange(len(unit) + 1)
        unit[position : position + random.randint(0, 1)] = [self._part(random)] * random.randint(
            0, 2
        )
        return replace(recipe, unit=tuple(unit[:8]) or other.unit)

    def _part(self, random: Random) -> tuple[str, int]:
        return random.choice(self.atoms), random.choice(_TIMES)
