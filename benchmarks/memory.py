"""``python -m benchmarks.memory``: what the batch on its standard input takes of a new process."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path


def main() -> None:
    """Print the seconds of the request, and the megabytes by which it made the process grow."""
    import django

    django.setup()
    from benchmarks import bodies
    from benchmarks.contenders import EVENTS, Inline, post

    Inline().prepare([bodies.new(1)])()
    body = sys.stdin.buffer.read()
    before, began = megabytes("VmRSS"), time.perf_counter()
    post(EVENTS, body, {})
    seconds = time.perf_counter() - began
    print(json.dumps({"seconds": seconds, "megabytes": megabytes("VmHWM") - before}))


def megabytes(what: str) -> float:
    """Return what this process holds now, or held at its highest. Reads ``/proc``: Linux only."""
    # getrusage would tell of the process that started this one, too.
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{what}:")) / 1024


if __name__ == "__main__":
    main()
