"""``python3 -m benchmarks speed``: compare this app with alternatives.

Measures on one database and writes JSON to the file ``--result``.
"""

from __future__ import annotations

import argparse
import json
import logging
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

#: Rows in the request to measure memory with. Over HTTP: requests by rows in a batch.
LARGE = 10_000
SERVED = {1: 1200, 100: 120}


#: Sizes that are measured again with requests that share a connection.
KEPT = (1, 100)


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--result", type=Path, required=True)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args(argv)
    warnings.simplefilter("ignore")  # django-anymail warns about services it will drop
    import django

    django.setup()
    logging.disable(logging.CRITICAL)
    from benchmarks import databases

    rows = list(databases.aliases())
    try:
        for count in rows:
            _tell(f"making a database of {count:,} rows")
            databases.make(count)
        results = _results(rows, options.quick)
    finally:
        databases.drop()
    options.result.write_text(json.dumps(results), "utf-8")
    return 0


def _results(rows: list[int], quick: bool) -> dict[str, Any]:
    from django.db import connection

    from benchmarks import bodies, databases, measure, served

    batches = {}
    for size in measure.SIZES:
        batches[str(size)] = measure.measured(size, rows, quick, _tell).figures()
        databases.empty()
    with databases.kept_connections():
        _tell("again, with kept connections")
        for size in KEPT:
            batches[f"{size} kept"] = measure.measured(size, rows[:1], quick, _tell).figures()
    databases.empty()
    _tell(f"{LARGE:,} rows in one request")
    command = [sys.executable, "-m", "benchmarks.memory"]
    large = bodies.batch(bodies.new(LARGE))
    done = subprocess.run(command, check=True, input=large, stdout=subprocess.PIPE)
    over_http = {}
    for size, requests in SERVED.items():
        _tell(f"over HTTP: batches of {size}")
        over_http[size] = served.rates(size, requests // 3 if quick else requests)
    with connection.cursor() as cursor:
        function = "sqlite_version()" if connection.vendor == "sqlite" else "version()"
        cursor.execute(f"SELECT {function}")
        [version] = cursor.fetchone()
    return {
        "version": str(version).split(" (")[0],
        "rows": rows,
        "batches": batches,
        "large": json.loads(done.stdout),
        "served": over_http,
    }


def _tell(line: str) -> None:
    """Report progress on standard error: standard output has the figures."""
    end = "\n"
    if sys.stderr.isatty():
        line, end = f"\r\033[K{line}", ""
    print(line, end=end, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
