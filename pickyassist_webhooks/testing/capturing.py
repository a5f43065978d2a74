"""What this app announces, written down while a test runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ..announce import SIGNALS
from ..models import Event, Message, WebhookRequest


@dataclass(frozen=True)
class Captured:
    """One signal as it was sent: its name and what its receivers got."""

    signal: str
    request: WebhookRequest
    is_replay: bool
    event: Any = None
    message: Message | None = None
    previous_status: int | None = None


@dataclass
class CapturedEvents:
    """The signals that were sent, in their order."""

    signals: list[Captured] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.signals)

    def __iter__(self) -> Iterator[Captured]:
        return iter(self.signals)

    def named(self, signal: str) -> list[Captured]:
        """Return those of one signal: ``"delivery_received"``.

        Raises ``KeyError`` where this app sends no signal of that name.
        """
        SIGNALS[signal]  # or a name that is mistyped would look like a signal that was not sent
        return [one for one in self.signals if one.signal == signal]

    @property
    def events(self) -> list[Event]:
        """The events, each once, in the order in which they were first announced."""
        return list(dict.fromkeys(one.event for one in self.signals if one.event is not None))


@contextmanager
def capture_events() -> Iterator[CapturedEvents]:
    """Write down every signal of this app that is sent meanwhile.

    With receivers of your own connected, or with none: they are called all the same.
    """
    captured = CapturedEvents()
    receivers = {name: partial(_write_down, captured, name) for name in SIGNALS}
    for name, receiver in receivers.items():
        SIGNALS[name].connect(receiver, weak=False)
    try:
        yield captured
    finally:
        for name, receiver in receivers.items():
            SIGNALS[name].disconnect(receiver)


def _write_down(captured: CapturedEvents, name: str, sender: Any, **named: Any) -> None:
    del named["signal"]
    captured.signals.append(Captured(name, **named))
