"""``python -m benchmarks.memory``: the cost of the batch on standard input in a new process."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path


def main() -> None:
    """Print the seconds of the request, and by how many megabytes the process grew."""
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


def megabytes(field: str) -> float:
    """Return the current or the highest memory of this process. Reads ``/proc``: Linux only."""
    # getrusage would include the process that started this one.
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) / 1024


if __name__ == "__main__":
    main()
