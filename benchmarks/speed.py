"""``python3 -m benchmarks speed``: this app beside what one would do otherwise.

Everything that is measured on one database, as JSON in the file that is named.
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

#: Rows in one request whose memory is measured; over HTTP: rows in a batch, how many requests.
LARGE = 10_000
SERVED = {1: 1200, 100: 120}


#: Sizes that are measured once more where requests share a connection.
KEPT = (1, 100)


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--result", type=Path, required=True)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args(argv)
    warnings.simplefilter("ignore")  # of django-anymail, about services that it lets go
    import django

    django.setup()
    logging.disable(logging.CRITICAL)
    from benchmarks import places

    rows = list(places.aliases())
    try:
        for each in rows:
            _tell(f"making a database of {each:,} rows")
            places.make(each)
        found = _found(rows, options.quick)
    finally:
        places.drop()
    options.result.write_text(json.dumps(found), "utf-8")
    return 0


def _found(rows: list[int], quick: bool) -> dict[str, Any]:
    from django.db import connection

    from benchmarks import bodies, measure, places, served

    batches = {}
    for size in measure.SIZES:
        batches[str(size)] = measure.measured(size, rows, quick, _tell).figures()
        places.empty()
    with places.kept_connections():
        _tell("once more, with connections that are kept")
        for size in KEPT:
            batches[f"{size} kept"] = measure.measured(size, rows[:1], quick, _tell).figures()
    places.empty()
    _tell(f"{LARGE:,} rows in one request")
    command = [sys.executable, "-m", "benchmarks.memory"]
    large = bodies.batch(bodies.new(LARGE))
    done = subprocess.run(command, check=True, input=large, stdout=subprocess.PIPE)
    over_http = {}
    for size, requests in SERVED.items():
        _tell(f"over HTTP: batches of {size}")
        over_http[size] = served.rates(size, requests // 3 if quick else requests)
    with connection.cursor() as cursor:
        version = "sqlite_version()" if connection.vendor == "sqlite" else "version()"
        cursor.execute(f"SELECT {version}")
        [named] = cursor.fetchone()
    return {
        "version": str(named).split(" (")[0],
        "rows": rows,
        "batches": batches,
        "large": json.loads(done.stdout),
        "served": over_http,
    }


def _tell(line: str) -> None:
    """Say what is done now, on the terminal and not among the figures."""
    end = "\n"
    if sys.stderr.isatty():
        line, end = f"\r\033[K{line}", ""
    print(line, end=end, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
