"""``python3 -m tests --suite mutants``: count the changes to the source that the tests notice."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence

from tests.mutants import survivors
from tests.mutants.mutants import Mutant, mutants_of
from tests.mutants.trial import Ended, Trial

#: The percentage of mutants to kill in each module.
LEAST = 90

#: The tests of each module. Only those of the parser need no database.
PARSER = [
    f"tests/test_{name}.py"
    for name in ("payloads", "pulled", "event_types", "decoding", "values", "depth")
]
TESTS: dict[str, Sequence[str]] = {
    "parsing.decoding": PARSER,
    "parsing.values": PARSER,
    "parsing.event_types": [*PARSER, "tests/test_chat_fields.py"],
    "parsing.payloads": PARSER,
    "models.keys": ["tests/test_keys.py"],
    "inbox.decide": ["tests/test_deciding.py", "tests/test_storing.py", "tests/test_bulk.py"],
}


def main(argv: Sequence[str]) -> int:
    """Try the mutants and return the exit status."""
    options = _options(argv)
    accepted, errors = survivors.listed()
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        for module in options.modules:
            listed = Counter({name: n for name, n in accepted.items() if name.module == module})
            mutants = mutants_of(module)
            if options.listed:
                mutants = [mutant for mutant in mutants if mutant.name in listed]
            ended = _try(module, mutants, options.jobs, folder)
            survived = [trial.mutant.name for trial in ended if not trial.killed_by]
            killed = {trial.mutant.name: trial.killed_by for trial in ended if trial.killed_by}
            figures.append((module, len(mutants), len(survived)))
            errors += survivors.compare(survived, listed, killed)
    for error in errors:
        print(f"\n{error}")
    enough = _report(figures)
    return 0 if not errors and (enough or options.listed) else 1


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 -m tests --suite mutants", description=__doc__)
    parser.add_argument("modules", nargs="*", help=f"default: all of {', '.join(TESTS)}")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="parallel trials")
    parser.add_argument("--listed", action="store_true", help="only mutants in survivors.txt")
    options = parser.parse_args(argv)
    options.modules = list(dict.fromkeys(options.modules)) or list(TESTS)
    for module in options.modules:
        if module not in TESTS:
            parser.error(f"{module!r} is not a module; choose from: {', '.join(TESTS)}")
    return options


def _try(module: str, mutants: Sequence[Mutant], jobs: int, folder: str) -> list[Ended]:
    """Run the tests of a module on each mutant, after they have passed without mutants."""
    pid = Trial(None, TESTS[module]).start(folder)
    _, status, used = os.wait4(pid, 0)
    if status:
        print(Trial.output(pid, folder))
        sys.exit(f"mutants: the tests of {module} fail without a mutant; see above and fix them.")
    seconds = 5 + round(4 * (used.ru_utime + used.ru_stime))
    show = _progress(module, len(mutants))
    waiting = [Trial(mutant, TESTS[module], seconds) for mutant in reversed(mutants)]
    running: dict[int, Trial] = {}
    ended: list[Ended] = []
    while waiting or running:
        while waiting and len(running) < jobs:
            trial = waiting.pop()
            running[trial.start(folder)] = trial
        pid, status = os.wait()
        ended.append(running.pop(pid).ended(pid, status, folder))
        show(ended)
    return ended


def _progress(module: str, mutants: int) -> Callable[[list[Ended]], None]:
    began = time.monotonic()

    def show(ended: list[Ended]) -> None:
        seconds = time.monotonic() - began
        survived = sum(not trial.killed_by for trial in ended)
        line = f"{module}: {len(ended)} of {mutants}, {survived} survived, {seconds:.0f} s"
        is_last = len(ended) == mutants
        if sys.stdout.isatty():
            print(f"\r{line}", end="\n" if is_last else "", flush=True)
        elif is_last or len(ended) % 100 == 0:
            print(line, flush=True)

    return show


def _report(figures: list[tuple[str, int, int]]) -> bool:
    """Print the figures of each module; return whether enough mutants were killed."""
    enough = True
    total = ("all", sum(row[1] for row in figures), sum(row[2] for row in figures))
    print(f"\n{'module':10} {'mutants':>8} {'killed':>8} {'survived':>8} {'%':>6}")
    for module, mutants, survived in [*figures, total]:
        killed = mutants - survived
        share = 100 * killed / mutants if mutants else 100
        enough = enough and share >= LEAST
        print(f"{module:10} {mutants:8} {killed:8} {survived:8} {share:6.1f}")
    return enough
