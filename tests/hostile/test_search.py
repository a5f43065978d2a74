"""A search for the most expensive body of each grammar: at most a second and 300 MiB."""

from __future__ import annotations

import time
from random import Random

import pytest
from django.db import connection

from tests.hostile.grammars import GRAMMARS, POST
from tests.hostile.measuring import Cost, Measurer
from tests.machine import fastest

pytestmark = pytest.mark.django_db(transaction=True)

#: The limits for a request: seconds of one core, bytes of memory.
SECONDS = 1.0
ROOM = 300 * 2**20

#: Seconds for each grammar, and how many of the most expensive bodies are changed.
SHORT, LONG = 10, 300
PARENTS = 6
ANSWERS = {"done", "quarantined", "True", "False"}


@pytest.fixture
def measurer():
    measurer = Measurer(connection.settings_dict["NAME"])
    yield measurer
    measurer.close()


@pytest.mark.parametrize("grammar", GRAMMARS, ids=[grammar.name for grammar in GRAMMARS])
def test_no_body_is_expensive(grammar, measurer, is_long, figures, seed):
    random, tried = Random(seed), {}
    end = time.monotonic() + (LONG if is_long else SHORT)
    waiting = [*grammar.first, *(grammar.random(random) for _ in range(8))]
    while waiting and (time.monotonic() < end or len(tried) < len(grammar.first)):
        recipe = waiting.pop(0)
        if recipe not in tried:
            tried[recipe] = measured(measurer, grammar, recipe)
        if not waiting:
            parents = sorted(tried, key=lambda recipe: -part_of_limit(tried[recipe]))[:PARENTS]
            waiting = [grammar.changed(random.choice(parents), random) for _ in range(4)]
            waiting.append(grammar.random(random))
    worst = max(tried, key=lambda recipe: part_of_limit(tried[recipe]))
    cost = tried[worst]
    figures.dearest[grammar.name] = cost.seconds, cost.memory, len(tried), worst
    assert part_of_limit(cost) < 1, f"{worst} costs {cost}; seed {seed}"


def part_of_limit(cost):
    return max(cost.seconds / SECONDS, cost.memory / ROOM)


def measured(measurer, grammar, recipe):
    """Return the cost of a request."""
    costs = []

    def measure():
        cost = measurer.cost(grammar.target, recipe.body(), recipe.label)
        assert set(cost.result.split()) <= ANSWERS, f"{recipe} costs {cost}"
        costs.append(cost)
        return cost.seconds / (2 if grammar.target == POST else 1)  # as new, and as a repeat

    seconds = fastest(measure, SECONDS)
    return Cost(seconds, min(cost.memory for cost in costs), costs[-1].result)
