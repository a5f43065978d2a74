"""The apps of a project with a task queue."""

from __future__ import annotations

import os
import time
from typing import Any

from django.apps import AppConfig

from pickyassist_webhooks import signals


def sleep(**named: Any) -> None:
    time.sleep(float(os.environ["ENGINES_SLOW"]))


class EnginesConfig(AppConfig):
    name = "tests.engines"
    label = "engines"

    def ready(self) -> None:
        if os.environ.get("ENGINES_BROKER"):
            from tests.engines import queue  # noqa: F401
        if os.environ.get("ENGINES_SLOW"):
            signals.delivery_received.connect(sleep)
