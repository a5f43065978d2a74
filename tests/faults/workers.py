"""``python -m tests.faults.workers inline none sweep``: process a sequence, then replay it.

Each argument is a process: a ``PROCESSOR`` receives its share of ``sequence.json``, and ``sweep``
runs ``pickyassist_process``. All work at the same time. Then they replay every second request.
Prints the tables after both steps, the signal calls and the log.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from functools import partial
from io import StringIO
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import django
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from django.test import override_settings

FORK = get_context("fork")


def start(*jobs: Callable[[], None]) -> list[Any]:
    """Start each job in its own process; all begin at the same moment."""
    connections.close_all()  # no process may share a connection with another
    barrier = FORK.Barrier(len(jobs))

    def run(job: Callable[[], None]) -> None:
        barrier.wait()
        job()

    processes = [FORK.Process(target=run, args=[job]) for job in jobs]
    for process in processes:
        process.start()
    return processes


def finish(processes: list[Any]) -> None:
    for process in processes:
        process.join()
    assert {process.exitcode for process in processes} <= {0}


def receive(payloads: list[tuple[int, Any]], processor: str) -> None:
    """Receive payloads; the query string of each is its number."""
    from pickyassist_webhooks import ingest

    changed = {**settings.PICKYASSIST_WEBHOOKS, "PROCESSOR": processor}
    with override_settings(PICKYASSIST_WEBHOOKS=changed):
        for number, payload in payloads:
            ingest.receive(json.dumps(payload).encode(), query=str(number))


def sweep(received: Any) -> None:
    """Sweep until all requests are received, and once more."""
    is_last = False
    while not is_last:
        is_last = received.wait(0.1)
        call_command("pickyassist_process", stdout=StringIO(), stderr=StringIO())


def replay(pks: list[int]) -> None:
    from pickyassist_webhooks import ingest

    for pk in pks:
        ingest.replay(pk)


def record(
    signal: Any,
    request: Any,
    event: Any,
    is_replay: bool,
    message: Any = None,
    previous_status: Any = None,
    **named: Any,
) -> None:
    """Append a line for a signal call, in a single write that no other process can split."""
    from pickyassist_webhooks import signals

    [name] = [name for name, candidate in vars(signals).items() if candidate is signal]
    line = [is_replay, name, event.pk, message and message.pk, previous_status, request.pk]
    with (Path(settings.FAULTS_FOLDER) / "calls.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")


def tables() -> dict[str, Any]:
    """Return the rows of each model, events in their order, and the members of all groups."""
    from pickyassist_webhooks import models

    rows: dict[str, Any] = {}
    for model in apps.get_app_config("pickyassist_webhooks").get_models():
        is_event = issubclass(model, models.Event)
        ordered = model.objects.in_order() if is_event else model.objects.order_by("pk")
        columns = {field.attname for field in model._meta.concrete_fields} - {"body"}
        rows[model.__name__] = list(ordered.values(*columns))
    groups = {(row["group_id"], row["project_id"]) for row in rows["GroupMemberEvent"]}
    rows["members"] = [
        member
        for group in groups
        for member in models.GroupMemberEvent.objects.members_of(*group).values_list(
            "project_id", "group_id", "number"
        )
    ]
    return rows


def main(jobs: list[str]) -> dict[str, Any]:
    from pickyassist_webhooks import signals

    folder = Path(settings.FAULTS_FOLDER)
    logging.basicConfig(filename=folder / "app.log", level=logging.WARNING)
    for signal in vars(signals).values():
        if isinstance(signal, signals.Signal):
            signal.connect(record)
    payloads = list(enumerate(json.loads((folder / "sequence.json").read_text())))

    processors, received = [job for job in jobs if job != "sweep"], FORK.Event()
    receivers = [
        partial(receive, payloads[number :: len(processors)], processor)
        for number, processor in enumerate(processors)
    ]
    processes = start(*receivers, *[partial(sweep, received)] * jobs.count("sweep"))
    try:
        finish(processes[: len(receivers)])
    finally:
        received.set()  # or the sweeps would run on after a failure, and hide its traceback
    finish(processes)
    after_receiving = tables()

    pks = [request["id"] for request in after_receiving["WebhookRequest"]][::2]
    finish(start(*[partial(replay, pks[number :: len(jobs)]) for number in range(len(jobs))]))
    return {
        "tables": after_receiving,
        "replayed": tables(),
        "calls": [json.loads(line) for line in (folder / "calls.jsonl").read_text().splitlines()],
        "log": (folder / "app.log").read_text(),
    }


if __name__ == "__main__":
    django.setup()
    print(json.dumps(main(sys.argv[1:]), default=str))
