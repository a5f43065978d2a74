"""Listens to every signal and writes it down, and arms the points of failure."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.conf import settings

from tests.faults import points


def hear(signal: Any, event: Any = None, **named: Any) -> None:
    """Write one line for one signal, in one write that no other process can split."""
    from pickyassist_webhooks.announce import SIGNALS

    points.reach("in-receiver")
    [name] = [name for name, known in SIGNALS.items() if known is signal]
    # The name of an event is what the load client gave it.
    about = next(
        (getattr(event, key) for key in ("subscriber_id", "msg_id") if hasattr(event, key)),
        getattr(event, "number", "-"),
    )
    line = f"{name} {about} {getattr(event, 'status', '-')}\n"
    file = os.open(
        Path(settings.FAULTS_FOLDER) / "heard.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT
    )
    try:
        os.write(file, line.encode())
    finally:
        os.close(file)
    if name == "delivery_received":
        points.reach("between-signals")  # message_status_changed is next


class FaultsConfig(AppConfig):
    name = "tests.faults"
    label = "faults"

    def ready(self) -> None:
        from pickyassist_webhooks.announce import SIGNALS

        for signal in SIGNALS.values():
            signal.connect(hear)
        points.install()
        if os.environ.get("FAULTS_BROKER"):
            from tests.faults import broker  # noqa: F401
