"""Calls from several threads at the same time."""

from __future__ import annotations

from threading import Barrier, Thread

from django.db import connections


def at_once(*calls):
    """Run each call in a thread with its own connection, and return the results."""
    barrier, results = Barrier(len(calls)), [None] * len(calls)

    def run(index, call):
        try:
            barrier.wait()
            results[index] = call()
        finally:
            connections.close_all()

    threads = [Thread(target=run, args=numbered) for numbered in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
