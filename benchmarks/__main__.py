"""``python3 -m benchmarks``: how fast this app is, how much it bears, and how it grows.

Three measurements: ``speed`` (the default) beside what one would do otherwise, on SQLite and
PostgreSQL; ``load`` over HTTP at a steady rate, and ``growth`` on the disk, both on PostgreSQL.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import bootstrap

MEASUREMENTS = ("speed", "load", "growth")
EXTRAS = ["tests", "postgres", "benchmarks"]
ROWS = (0, 1_000_000, 5_000_000)


def main(argv: list[str]) -> int:
    bootstrap.require_python()
    what = argv[0] if argv and argv[0] in MEASUREMENTS else "speed"
    rest = argv[1:] if argv and argv[0] in MEASUREMENTS else argv
    options, of_its_own = _options(what, rest)
    bootstrap.enter("benchmarks", EXTRAS)
    found = {}
    for database in options.databases:
        found[database] = _measured(what, database, options.rows, of_its_own)
        if found[database] is None:
            return 1
    if options.json:
        print(json.dumps(found))
        return 0
    from benchmarks import report

    text = report.WRITTEN[what](found)
    print(text)
    if options.write:
        report.put(what, text)
    return 0


def _measured(what: str, database: str, rows: list[int], rest: list[str]) -> Any:
    """Measure in a process whose settings are those of one database; ``None`` where it failed."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "benchmarks.settings",
            "TEST_DATABASE": database,
            "BENCHMARK_DATABASE": database,
            "BENCHMARK_FOLDER": folder,
            "BENCHMARK_PLACES": ",".join(map(str, rows)),
        }
        if what == "load":  # as anybody would have it who expects so much
            environment["BENCHMARK_MAX_AGE"] = "600"
        command = [sys.executable, "-m", f"benchmarks.{what}", "--result", str(result), *rest]
        failed = subprocess.run(command, env=environment, check=False).returncode
        return None if failed else json.loads(result.read_text("utf-8"))


def _options(what: str, argv: list[str]) -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(prog="python3 -m benchmarks", description=__doc__)
    parser.add_argument("--json", action="store_true", help="the figures, for machines")
    parser.add_argument("--write", action="store_true", help="the tables into docs/performance.md")
    databases = ("sqlite", "postgres") if what == "speed" else ("postgres",)
    parser.add_argument("--databases", nargs="+", default=databases, choices=databases)
    parser.set_defaults(rows=(0,))
    if what == "speed":
        parser.add_argument("--rows", nargs="+", type=int, default=ROWS, help="rows there already")
    options, rest = parser.parse_known_args(argv)
    options.rows = sorted({0, *options.rows})  # what is there already is compared with nothing
    return options, rest


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
