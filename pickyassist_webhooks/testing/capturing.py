"""Capture the signals of this app during a test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ..inbox.calling import SIGNALS
from ..models import Event, Message, WebhookRequest


@dataclass(frozen=True)
class Captured:
    """One signal call: the name of the signal and its arguments."""

    signal: str
    request: WebhookRequest
    is_replay: bool
    event: Any = None
    message: Message | None = None
    previous_status: int | None = None
    answers: Message | None = None


@dataclass
class CapturedEvents:
    """The captured signal calls in their order."""

    signals: list[Captured] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.signals)

    def __iter__(self) -> Iterator[Captured]:
        return iter(self.signals)

    def named(self, signal: str) -> list[Captured]:
        """Return the calls of one signal, such as ``"delivery_received"``.

        Raise ``KeyError`` if no signal with that name is captured.
        """
        if signal not in SIGNALS:  # a typo would look like a signal that was not sent
            raise KeyError(f"no signal {signal!r} is captured; use one of {', '.join(SIGNALS)}")
        return [call for call in self.signals if call.signal == signal]

    @property
    def events(self) -> list[Event]:
        """The events, each once, in the order of their first signal call."""
        return list(dict.fromkeys(call.event for call in self.signals if call.event is not None))


@contextmanager
def capture_events() -> Iterator[CapturedEvents]:
    """Capture every signal call of this app inside the block.

    Connected receivers of your own are still called.
    """
    captured = CapturedEvents()
    receivers = {name: partial(_capture, captured, name) for name in SIGNALS}
    for name, receiver in receivers.items():
        SIGNALS[name].connect(receiver, weak=False)
    try:
        yield captured
    finally:
        for name, receiver in receivers.items():
            SIGNALS[name].disconnect(receiver)


def _capture(captured: CapturedEvents, name: str, sender: Any, **named: Any) -> None:
    del named["signal"]
    captured.signals.append(Captured(name, **named))
