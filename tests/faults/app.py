"""Writes every signal to a file, and installs the points of failure."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.conf import settings

from tests.faults import points


def hear(signal: Any, event: Any = None, **named: Any) -> None:
    """Append a line for a signal, in a single write that no other process can split."""
    from pickyassist_webhooks.inbox.calling import SIGNALS

    points.reach("in-receiver")
    [name] = [name for name, candidate in SIGNALS.items() if candidate is signal]
    # The load client has chosen the name of the event.
    about = next(
        (
            getattr(event, key)
            for key in ("subscriber_id", "msg_id", "unique_id")
            if hasattr(event, key)
        ),
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


def note(signal: Any, condition: str, level: str, reason: str, **named: Any) -> None:
    """Append a line for the signal of an alarm."""
    from pickyassist_webhooks.signals import alarm_raised

    change = "raised" if signal is alarm_raised else "cleared"
    with (Path(settings.FAULTS_FOLDER) / "alarms.log").open("a") as file:
        file.write(f"{change} {condition} {level}\n")


class FaultsConfig(AppConfig):
    name = "tests.faults"
    label = "faults"

    def ready(self) -> None:
        from pickyassist_webhooks.inbox.calling import SIGNALS
        from pickyassist_webhooks.signals import alarm_cleared, alarm_raised

        for signal in SIGNALS.values():
            signal.connect(hear)
        for signal in (alarm_raised, alarm_cleared):
            signal.connect(note)
        points.install()
        if os.environ.get("FAULTS_BROKER"):
            from tests.faults import broker  # noqa: F401
