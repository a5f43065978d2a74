"""The survivors that are known, each with the reason why no test can or should kill it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tests.mutants.mutants import Name

FILE = Path(__file__).parent / "survivors.txt"


def listed() -> tuple[Counter[Name], list[str]]:
    """Return the survivors in the file, and what is wrong with it.

    A paragraph is a reason, or a survivor, which has the reason that stands before it.
    """
    names: Counter[Name] = Counter()
    wrong = []
    reason = ""
    for paragraph in FILE.read_text("utf-8").split("\n\n"):
        lines = [line for line in paragraph.splitlines() if line and not line.startswith("#")]
        if not any(line.startswith(("- ", "+ ")) for line in lines):
            reason = " ".join(lines)
            continue
        name = _read(lines)
        names[name] += 1
        if not reason:
            wrong.append(f"No reason stands before this survivor:\n{name}")
    return names, wrong


def _read(lines: list[str]) -> Name:
    module, _, place = lines[0].partition(": ")
    before = tuple(line[2:] for line in lines if line.startswith("- "))
    after = tuple(line[2:] for line in lines if line.startswith("+ "))
    return Name(module, place, before, after)


def compare(found: Iterable[Name], known: Counter[Name], killed: dict[Name, str]) -> list[str]:
    """Return what is to be done about the file, so that it lists just the survivors."""
    counted = Counter(found)
    return [
        *(f"Survived: write a test, or list it with a reason.\n{n}" for n in _less(counted, known)),
        *(f"Listed, but {_fate(name, killed)}.\n{name}" for name in _less(known, counted)),
    ]


def _less(names: Counter[Name], others: Counter[Name]) -> list[Name]:
    return sorted((names - others).elements())


def _fate(name: Name, killed: dict[Name, str]) -> str:
    return f"killed by {killed[name]}" if name in killed else "there is no such mutant"
