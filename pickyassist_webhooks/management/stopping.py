"""A worker that stops after the current step, at SIGTERM or Ctrl-C."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from typing import Any

from django.db import close_old_connections, reset_queries

logger = logging.getLogger(__name__)


class Stop:
    """Whether to stop: a signal asked for it, or the given number of seconds is over.

    Not a ``threading.Event``: if a signal sets it during a wait, it can deadlock.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self.asked = False
        self.end = inf if seconds is None else time.monotonic() + seconds

    def __call__(self) -> bool:
        return self.asked or time.monotonic() >= self.end

    def wait(self, seconds: float) -> None:
        """Return after ``seconds``, or soon after a request to stop."""
        end = time.monotonic() + seconds
        while not self() and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, 0.1))


@contextmanager
def stopped_by_signals(seconds: float | None = None) -> Iterator[Stop]:
    """Finish the current step on SIGTERM or Ctrl-C; abandon it on the second signal."""
    stopped = Stop(seconds)
    if threading.current_thread() is not threading.main_thread():
        yield stopped  # only the main thread can have signal handlers
        return
    # None means a handler from outside Python, which cannot be restored.
    before = {
        number: signal.getsignal(number) or signal.SIG_DFL
        for number in (signal.SIGTERM, signal.SIGINT)
    }

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def stop(number: int, frame: Any) -> None:
        if stopped.asked:
            restore()  # a third signal has its usual effect
            # The kernel ignores the default of SIGTERM for the first process of a container.
            # KeyboardInterrupt is not handled as a failure of a receiver.
            raise KeyboardInterrupt
        stopped.asked = True

    for number in before:
        signal.signal(number, stop)
    try:
        yield stopped
    finally:
        restore()


def keep_on(once: Callable[[], float], stopped: Stop, name: str, pause_after_fault: float) -> None:
    """Run ``once`` until a request to stop. It returns the pause before its next run, in seconds.

    A worker continues after any error.
    """
    while not stopped():
        try:
            close_old_connections()
            reset_queries()
            pause = once()
        except Exception as err:
            logger.error("%s failed (%s); the worker retries it.", name, type(err).__name__)
            pause = pause_after_fault
        stopped.wait(pause)
