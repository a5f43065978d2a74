"""The accepted survivors, each with the reason why no test can or should kill it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tests.mutants.mutants import Name

FILE = Path(__file__).parent / "survivors.txt"


def listed() -> tuple[Counter[Name], list[str]]:
    """Return the survivors in the file, and the errors of the file.

    A paragraph is a reason or a survivor. A survivor has the last reason before it.
    """
    names: Counter[Name] = Counter()
    errors = []
    reason = ""
    for paragraph in FILE.read_text("utf-8").split("\n\n"):
        lines = [line for line in paragraph.splitlines() if line and not line.startswith("#")]
        if not any(line.startswith(("- ", "+ ")) for line in lines):
            reason = " ".join(lines)
            continue
        name = _read(lines)
        names[name] += 1
        if not reason:
            errors.append(f"This survivor has no reason; write one before it:\n{name}")
    return names, errors


def _read(lines: list[str]) -> Name:
    module, _, context = lines[0].partition(": ")
    before = tuple(line[2:] for line in lines if line.startswith("- "))
    after = tuple(line[2:] for line in lines if line.startswith("+ "))
    return Name(module, context, before, after)


def compare(names: Iterable[Name], accepted: Counter[Name], killed: dict[Name, str]) -> list[str]:
    """Return the errors of the file: it must list exactly the survivors."""
    survived = Counter(names)
    new, gone = _less(survived, accepted), _less(accepted, survived)
    return [
        *(f"Survived: write a test, or list it with a reason.\n{name}" for name in new),
        *(f"Listed, but {_fate(name, killed)}: remove it.\n{name}" for name in gone),
    ]


def _less(names: Counter[Name], others: Counter[Name]) -> list[Name]:
    return sorted((names - others).elements())


def _fate(name: Name, killed: dict[Name, str]) -> str:
    return f"killed by {killed[name]}" if name in killed else "there is no such mutant"
