"""The figures as tables for people, and into docs/performance.md."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

import django

FILE = Path(__file__).resolve().parent.parent / "docs" / "performance.md"
BEGIN, END = "<!-- python3 -m benchmarks {what} --write -->", "<!-- end of {what} -->"

NAMES = {"sqlite": "SQLite", "postgres": "PostgreSQL"}
WAYS = {
    "a": "(a) a bare view, one `create`",
    "b": "(b) this app, inline, with a receiver",
    "repeats": "the same batches again",
    "c": '(c) this app, `PROCESSOR="none"`',
    "c2": "the sweep after it",
    "d": "(d) django-anymail, `get_or_create` for each event",
    "e": "(e) the rows alone by `COPY` or `executemany`",
}

#: What is compared: a title, who and to whom, in batches of what; least and aim by database.
SINGLE = {"sqlite": (0.30, 0.55), "postgres": (0.30, 0.55)}
RAW = {"sqlite": (0.85, None), "postgres": (0.85, None)}
BATCH = {"sqlite": (4, 10), "postgres": (8, 18)}
TWICE = {"sqlite": (2, None), "postgres": (2, None)}
RATIOS = (
    ("a single event: (b) to (a)", "b", "a", "1", SINGLE),
    ("the same, connections kept", "b", "a", "1 kept", SINGLE),
    ("a request kept: (c) to (a)", "c", "a", "1", RAW),
    ("the same, connections kept", "c", "a", "1 kept", RAW),
    (
        "1,000 rows: (b) to (e)",
        "b",
        "e",
        "1000",
        {"sqlite": (0.15, 0.40), "postgres": (0.13, 0.25)},
    ),
    ("100 rows: (b) to (d)", "b", "d", "100", BATCH),
    ("the same, connections kept", "b", "d", "100 kept", BATCH),
    *(
        (f"{size} again to {size} new", "repeats", "b", size, dict.fromkeys(NAMES, (0.9, None)))
        for size in ("1", "100", "1000")
    ),
    # A worker keeps its connection, so (b) has to keep its own.
    ("single events, connections kept: the sweep to (b)", "c2", "b", "1 kept", TWICE),
)
FILLED = "1,000 rows: {rows:,} there already to none"


class Figures:
    """Those of one database."""

    def __init__(self, found: dict[str, Any]) -> None:
        self.found = found
        self.rows: list[int] = found["rows"]

    def seconds(self, way: str, size: str, rows: int = 0) -> float:
        listed = self.found["batches"][size]["seconds"]
        return float(next(s for name, place, s in listed if (name, place) == (way, rows)))

    def ratio(
        self, way: str, to: str, size: str, rows: int = 0, to_rows: int | None = None
    ) -> float:
        wanted = (way, rows, to, rows if to_rows is None else to_rows)
        listed = self.found["batches"][size]["ratios"]
        return float(next(r for *turns, r in listed if tuple(turns) == wanted))

    @property
    def sizes(self) -> list[str]:
        return [size for size in self.found["batches"] if size.isdigit()]

    @property
    def kept(self) -> list[str]:
        return [size for size in self.found["batches"] if not size.isdigit()]


def speed(found: dict[str, Any]) -> str:
    """Return what ``speed`` has measured, as Markdown."""
    figures = {name: Figures(each) for name, each in found.items()}
    parts = [_machine(found), _ratios(figures)]
    for name, each in figures.items():
        parts += [f"### {NAMES[name]}", _times(each), _served(each), _large(each)]
    return "\n\n".join(parts)


def load(found: dict[str, Any]) -> str:
    """Return what ``load`` has measured, as Markdown."""
    one = found["postgres"]
    said = {
        "single events": f"{one['events']:,} in {one['seconds']:,.0f} s",
        "batches of 10,000 among them": str(one["batches"]),
        "answers": ", ".join(f"{status}: {count:,}" for status, count in one["answers"].items()),
        "events lost": str(one["lost"]),
        "p50, p99, p99.9 of single events": f"{one['p50']}, {one['p99']}, {one['p99.9']} ms",
        "slowest single event, slowest batch": f"{one['slowest']}, {one['slowest_batch']} ms",
    }
    return _table(["", ""], [[name, value] for name, value in said.items()])


def growth(found: dict[str, Any]) -> str:
    """Return what ``growth`` has measured, as Markdown."""
    one = found["postgres"]
    names = [*one["batches"], *(name for name in one["single"] if name not in one["batches"])]
    rows = [
        [f"`{name}`", *(f"{one[how].get(name, 0):,.0f}" for how in ("batches", "single"))]
        for name in names
    ]
    rows.append(["all", *(f"{sum(one[how].values()):,.0f}" for how in ("batches", "single"))])
    prune, workers = one["prune"], one["workers"]
    return "\n\n".join(
        [
            _table(["MB for a million events", "in batches of 1,000", "single"], rows),
            f"`pickyassist_prune` deletes {prune['a_second']:,} rows a second"
            f" ({prune['rows']:,} rows in {prune['seconds']} s).",
            f"One `pickyassist_process` does {workers['1']['a_second']:,} single events a second,"
            f" two together {workers['2']['a_second']:,}.",
        ]
    )


WRITTEN = {"speed": speed, "load": load, "growth": growth}


def put(what: str, text: str) -> None:
    """Put the tables into the docs, where the last ones stand."""
    begin, end = BEGIN.format(what=what), END.format(what=what)
    before, _, rest = FILE.read_text("utf-8").partition(begin)
    after = rest.partition(end)[2]
    FILE.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", "utf-8")


def _machine(found: dict[str, Any]) -> str:
    versions = ", ".join(
        f"SQLite {each['version']}" if name == "sqlite" else each["version"]
        for name, each in found.items()
    )
    return (
        f"Measured with Python {platform.python_version()}, Django {django.get_version()},"
        f" {versions}; {os.cpu_count()} cores, {_processor()}."
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "")


def _ratios(figures: dict[str, Figures]) -> str:
    head = ["ratio", *(f"{NAMES[name]} (at least, aim)" for name in figures)]
    lines = []
    for title, way, to, size, goals in RATIOS:
        cells = [_goal(each.ratio(way, to, size), *goals[name]) for name, each in figures.items()]
        lines.append([title, *cells])
    for rows in next(iter(figures.values())).rows[1:]:
        least = 0.8 if rows == 1_000_000 else None
        cells = [
            _goal(each.ratio("b", "b", "1000", rows, 0), least, None) for each in figures.values()
        ]
        lines.append([FILLED.format(rows=rows), *cells])
    return _table(head, lines)


def _goal(value: float, least: float | None, aim: float | None) -> str:
    said = f"{value:.2f}" if value < 2 else f"{value:.1f}"
    goals = ", ".join(f"{goal:g}" for goal in (least, aim) if goal is not None)
    return f"**{said}** ({goals})" if goals else f"**{said}**"


def _times(each: Figures) -> str:
    sizes = [*each.sizes, *each.kept]
    head = [
        "milliseconds for a batch of",
        *each.sizes,
        *(f"{size} connections" for size in each.kept),
    ]
    lines = [
        [said, *(_ms(each.seconds(way, size)) for size in sizes)] for way, said in WAYS.items()
    ]
    for rows in each.rows[1:]:
        cells = [_ms(each.seconds("b", size, rows)) for size in each.sizes]
        lines.append([f"(b) on {rows:,} rows", *cells, *[""] * len(each.kept)])
    rate = [f"{int(size.split()[0]) / each.seconds('b', size):,.0f}" for size in sizes]
    lines.append(["(b), rows a second", *rate])
    return _table(head, lines)


def _served(each: Figures) -> str:
    served = each.found["served"]
    head = ["requests a second over HTTP, batches of", *served]
    lines = [
        [said, *(f"{served[size][way]:,.0f}" for size in served)]
        for way, said in WAYS.items()
        if way in next(iter(served.values()))
    ]
    return "Gunicorn with two workers, and four clients on the same machine:\n\n" + _table(
        head, lines
    )


def _large(each: Figures) -> str:
    large = each.found["large"]
    return (
        f"10,000 rows in one request, in a new process: {large['seconds']:.2f} s,"
        f" {large['megabytes']:.0f} MB more memory (at most 3 s and 150 MB)."
    )


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.2f}" if seconds < 0.01 else f"{seconds * 1000:,.0f}"


def _table(head: list[str], lines: list[list[str]]) -> str:
    rows = [head, ["---", *["---:"] * (len(head) - 1)], *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
