"""``python3 -m benchmarks growth``: the disk space of a million events, and the cost of pruning."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

#: Events in batches of a thousand, and single events; all sizes are scaled to a million of each.
IN_BATCHES, SINGLE = 200_000, 10_000
BATCH = 1000
MILLION = 1_000_000


def main(argv: list[str]) -> int:
    options = _options(argv)
    import django

    django.setup()
    from benchmarks import databases

    databases.make(0)
    try:
        results: dict[str, Any] = {"batches": _grown([BATCH] * (IN_BATCHES // BATCH))}
        results["prune"] = _pruned()
        databases.empty()
        results["single"] = _grown([1] * SINGLE)
        results["workers"] = {str(count): _worked(count) for count in (1, 2)}
    finally:
        databases.drop()
    options.result.write_text(json.dumps(results), "utf-8")
    return 0


def _grown(sizes: list[int]) -> dict[str, float]:
    """Post batches of these sizes; return the megabytes per million rows of tables and indexes."""
    from benchmarks import bodies
    from benchmarks.contenders import Inline

    _tell(f"{sum(sizes):,} events in batches of {sizes[0]:,}")
    Inline().prepare([bodies.new(size) for size in sizes])()
    return {name: round(size / 2**20 * MILLION / sum(sizes), 1) for name, size in _sizes().items()}


def _sizes() -> dict[str, int]:
    """Return the bytes of each table and index that is not empty, the largest first."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("VACUUM")
        cursor.execute(
            "SELECT relname, CASE relkind WHEN 'r' THEN pg_table_size(oid)"
            " ELSE pg_relation_size(oid) END FROM pg_class WHERE relkind IN ('r', 'i')"
            " AND relname LIKE 'pickyassist%%' AND pg_relation_size(oid) > 8192"
        )
        return dict(sorted(cursor.fetchall(), key=lambda pair: -pair[1]))


def _pruned() -> dict[str, Any]:
    """Age and prune all posted rows; return the rows and seconds."""
    from django.core.management import call_command
    from django.db.models import F

    from benchmarks.databases import settings
    from pickyassist_webhooks.models import DeliveryReport, Message, WebhookRequest

    year = timedelta(days=400)
    WebhookRequest.objects.update(received_at=F("received_at") - year)
    DeliveryReport.objects.update(received_at=F("received_at") - year)
    Message.objects.update(changed_at=F("changed_at") - year)
    rows = sum(model.objects.count() for model in (WebhookRequest, DeliveryReport, Message))
    _tell(f"pruning {rows:,} rows")
    _sizes()  # runs VACUUM
    settings.PICKYASSIST_WEBHOOKS["RETENTION_DAYS"] = {"bodies": 90, "events": 365}
    began = time.perf_counter()
    with Path(os.devnull).open("w") as nowhere:
        call_command("pickyassist_prune", "--no-input", stdout=nowhere, stderr=nowhere)
    seconds = time.perf_counter() - began
    if any(model.objects.exists() for model in (WebhookRequest, DeliveryReport, Message)):
        raise AssertionError("expected all rows to be pruned, but some are left")
    return {"rows": rows, "seconds": round(seconds, 1), "a_second": round(rows / seconds)}


def _worked(count: int) -> dict[str, Any]:
    """Return how many single events ``count`` workers process in a second.

    The time includes their start, about a second.
    """
    from benchmarks import bodies
    from benchmarks.contenders import Kept
    from pickyassist_webhooks.models import WebhookRequest

    _tell(f"{count} workers")
    Kept().prepare([bodies.new(1) for _ in range(SINGLE)])()
    command = [sys.executable, "-m", "django", "pickyassist_process"]
    began = time.perf_counter()
    workers = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(count)]
    exit_codes = [worker.wait() for worker in workers]
    seconds = time.perf_counter() - began
    if any(exit_codes) or WebhookRequest.objects.exclude(state="done").exists():
        raise AssertionError("expected every request to be done, but some are not")
    return {"requests": SINGLE, "a_second": round(SINGLE / seconds)}


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _options(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 -m benchmarks growth", description=__doc__)
    parser.add_argument("--result", type=Path, required=True)
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
