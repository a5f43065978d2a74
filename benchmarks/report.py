"""Write the figures as tables, also into the pages that show them."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

import django

FOLDER = Path(__file__).resolve().parent
#: The tables for users, and the comparisons for those who change the app.
PAGES = (FOLDER.parent / "docs" / "performance-tables.md", FOLDER / "measured.md")
BEGIN = "<!-- python3 -m benchmarks {measurement} --write -->"
END = "<!-- end of {measurement} -->"

NAMES = {"sqlite": "SQLite", "postgres": "PostgreSQL", "mariadb": "MariaDB"}
WAYS = {
    "a": "(a) a bare view, one `create`",
    "b": "(b) this app, inline, with a receiver",
    "repeats": "the same batches again",
    "c": '(c) this app, `PROCESSOR="none"`',
    "c2": "the sweep after it",
    "d": "(d) django-anymail, `get_or_create` for each event",
    "e": "(e) the rows alone by `COPY` or `executemany`",
}

#: Each comparison: title, the two ways, the size of a batch; the least and the aim by database.
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
    # A worker keeps its connection, so (b) must keep its own.
    ("single events, connections kept: the sweep to (b)", "c2", "b", "1 kept", TWICE),
)
FILLED = "1,000 rows: {rows:,} existing rows to none"


class Figures:
    """The figures of one database."""

    def __init__(self, results: dict[str, Any]) -> None:
        self.results = results
        self.rows: list[int] = results["rows"]

    def seconds(self, way: str, size: str, rows: int = 0) -> float:
        listed = self.results["batches"][size]["seconds"]
        return float(next(s for name, existing, s in listed if (name, existing) == (way, rows)))

    def ratio(
        self, way: str, to: str, size: str, rows: int = 0, to_rows: int | None = None
    ) -> float:
        wanted = (way, rows, to, rows if to_rows is None else to_rows)
        listed = self.results["batches"][size]["ratios"]
        return float(next(r for *turns, r in listed if tuple(turns) == wanted))

    @property
    def sizes(self) -> list[str]:
        return [size for size in self.results["batches"] if size.isdigit()]

    @property
    def kept(self) -> list[str]:
        return [size for size in self.results["batches"] if not size.isdigit()]


def speed(results: dict[str, Any]) -> str:
    """Return the results of ``speed`` as Markdown."""
    figures = {name: Figures(result) for name, result in results.items()}
    parts = [_machine(results), _ratios(figures)]
    for name, database in figures.items():
        parts += [f"### {NAMES[name]}", _times(database), _served(database), _large(database)]
    return "\n\n".join(parts)


def load(results: dict[str, Any]) -> str:
    """Return the results of ``load`` as Markdown."""
    run = results["postgres"]
    cells = {
        "single events": f"{run['events']:,} in {run['seconds']:,.0f} s",
        "batches of 10,000 among them": str(run["batches"]),
        "answers": ", ".join(f"{status}: {count:,}" for status, count in run["answers"].items()),
        "events lost": str(run["lost"]),
        "p50, p99, p99.9 of single events": f"{run['p50']}, {run['p99']}, {run['p99.9']} ms",
        "slowest single event, slowest batch": f"{run['slowest']}, {run['slowest_batch']} ms",
    }
    return _table(["", ""], [[name, value] for name, value in cells.items()])


def growth(results: dict[str, Any]) -> str:
    """Return the results of ``growth`` as Markdown."""
    run = results["postgres"]
    names = [
        *run["batches"],
        *(name for name in run["single"] if name not in run["batches"]),
    ]
    rows = [
        [f"`{name}`", *(f"{run[kind].get(name, 0):,.0f}" for kind in ("batches", "single"))]
        for name in names
    ]
    rows.append(["all", *(f"{sum(run[kind].values()):,.0f}" for kind in ("batches", "single"))])
    prune, workers = run["prune"], run["workers"]
    return "\n\n".join(
        [
            _table(["MB for a million events", "in batches of 1,000", "single"], rows),
            f"`pickyassist_prune` deletes {prune['a_second']:,} rows a second"
            f" ({prune['rows']:,} rows in {prune['seconds']} s).",
            f"One `pickyassist_process` does {workers['1']['a_second']:,} single events a second,"
            f" two together {workers['2']['a_second']:,}.",
        ]
    )


def turns(results: dict[str, Any]) -> str:
    """Return the results of ``turns`` as Markdown."""
    names = dict.fromkeys(name for figures in results.values() for name in figures)
    rows = [[name, *(_turn(figures.get(name)) for figures in results.values())] for name in names]
    heads = [f"{NAMES[database]}: ms, speed to the view" for database in results]
    return _table(["one request, connection kept", *heads], rows)


def _turn(figures: dict[str, float] | None) -> str:
    return f"{figures['milliseconds']:.2f}, {figures['ratio']:.2f}" if figures else ""


WRITTEN = {"speed": speed, "turns": turns, "load": load, "growth": growth}


def put(measurement: str, text: str) -> None:
    """Replace the tables in the page that has this measurement."""
    begin, end = BEGIN.format(measurement=measurement), END.format(measurement=measurement)
    [page] = [page for page in PAGES if begin in page.read_text("utf-8")]
    before, _, rest = page.read_text("utf-8").partition(begin)
    after = rest.partition(end)[2]
    page.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", "utf-8")


def _machine(results: dict[str, Any]) -> str:
    versions = ", ".join(
        f"SQLite {result['version']}" if name == "sqlite" else result["version"]
        for name, result in results.items()
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
        cells = [
            _goal(database.ratio(way, to, size), *goals[name]) for name, database in figures.items()
        ]
        lines.append([title, *cells])
    for rows in next(iter(figures.values())).rows[1:]:
        least = 0.8 if rows == 1_000_000 else None
        cells = [
            _goal(database.ratio("b", "b", "1000", rows, 0), least, None)
            for database in figures.values()
        ]
        lines.append([FILLED.format(rows=rows), *cells])
    return _table(head, lines)


def _goal(value: float, least: float | None, aim: float | None) -> str:
    text = f"{value:.2f}" if value < 2 else f"{value:.1f}"
    goals = ", ".join(f"{goal:g}" for goal in (least, aim) if goal is not None)
    return f"**{text}** ({goals})" if goals else f"**{text}**"


def _times(database: Figures) -> str:
    sizes = [*database.sizes, *database.kept]
    head = [
        "milliseconds for a batch of",
        *database.sizes,
        *(f"{size} connections" for size in database.kept),
    ]
    lines = [
        [label, *(_ms(database.seconds(way, size)) for size in sizes)]
        for way, label in WAYS.items()
    ]
    for rows in database.rows[1:]:
        cells = [_ms(database.seconds("b", size, rows)) for size in database.sizes]
        lines.append([f"(b) on {rows:,} rows", *cells, *[""] * len(database.kept)])
    rate = [f"{int(size.split()[0]) / database.seconds('b', size):,.0f}" for size in sizes]
    lines.append(["(b), rows a second", *rate])
    return _table(head, lines)


def _served(database: Figures) -> str:
    served = database.results["served"]
    head = ["requests a second over HTTP, batches of", *served]
    lines = [
        [label, *(f"{served[size][way]:,.0f}" for size in served)]
        for way, label in WAYS.items()
        if way in next(iter(served.values()))
    ]
    return "Gunicorn with two workers, and four clients on the same machine:\n\n" + _table(
        head, lines
    )


def _large(database: Figures) -> str:
    large = database.results["large"]
    return (
        f"10,000 rows in one request, in a new process: {large['seconds']:.2f} s,"
        f" {large['megabytes']:.0f} MB more memory (at most 3 s and 150 MB)."
    )


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.2f}" if seconds < 0.01 else f"{seconds * 1000:,.0f}"


def _table(head: list[str], lines: list[list[str]]) -> str:
    rows = [head, ["---", *["---:"] * (len(head) - 1)], *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
