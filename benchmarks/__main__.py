"""``python3 -m benchmarks``: measure the speed, the load capacity and the growth of this app.

There are four measurements. ``speed`` (the default) compares it with alternatives, ``turns`` single
requests on one connection; ``load`` goes over HTTP at a steady rate, and ``growth`` to the disk.
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

#: The measurements, and the databases that each runs on.
MEASUREMENTS = {
    "speed": ("sqlite", "postgres"),
    "turns": ("sqlite", "postgres", "mariadb"),
    "load": ("postgres",),
    "growth": ("postgres",),
}
EXTRAS = ["tests", "postgres", "mariadb", "benchmarks"]
ROWS = (0, 1_000_000, 5_000_000)


def main(argv: list[str]) -> int:
    bootstrap.require_python()
    measurement = argv[0] if argv and argv[0] in MEASUREMENTS else "speed"
    rest = argv[1:] if argv and argv[0] in MEASUREMENTS else argv
    options, own_arguments = _options(measurement, rest)
    bootstrap.enter("benchmarks", EXTRAS)
    results = {}
    for database in options.databases:
        results[database] = _measured(measurement, database, options.rows, own_arguments)
        if results[database] is None:
            return 1
    if options.json:
        print(json.dumps(results))
        return 0
    from benchmarks import report

    text = report.WRITTEN[measurement](results)
    print(text)
    if options.write:
        report.put(measurement, text)
    return 0


def _measured(measurement: str, database: str, rows: list[int], rest: list[str]) -> Any:
    """Measure one database in a new process; return ``None`` if that fails."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "benchmarks.settings",
            "TEST_DATABASE": database,
            "BENCHMARK_DATABASE": database,
            "BENCHMARK_FOLDER": folder,
            "BENCHMARK_ROWS": ",".join(map(str, rows)),
        }
        if measurement == "load":  # a project that expects such a load keeps its connections
            environment["BENCHMARK_MAX_AGE"] = "600"
        command = [
            sys.executable,
            "-m",
            f"benchmarks.{measurement}",
            "--result",
            str(result),
            *rest,
        ]
        failed = subprocess.run(command, env=environment, check=False).returncode
        return None if failed else json.loads(result.read_text("utf-8"))


def _options(measurement: str, argv: list[str]) -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(prog="python3 -m benchmarks", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--write", action="store_true", help="write the tables into their pages")
    databases = MEASUREMENTS[measurement]
    parser.add_argument("--databases", nargs="+", default=databases, choices=databases)
    parser.set_defaults(rows=(0,))
    if measurement == "speed":
        parser.add_argument("--rows", nargs="+", type=int, default=ROWS, help="existing rows")
    options, rest = parser.parse_known_args(argv)
    options.rows = sorted({0, *options.rows})  # the empty database is the base of the comparison
    return options, rest


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
