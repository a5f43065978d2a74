"""Call one receiver, which may raise, leave a transaction open, or take long."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Coroutine
from inspect import isasyncgen, isasyncgenfunction, iscoroutine, isgenerator, isgeneratorfunction
from typing import Any, NamedTuple

from asgiref.sync import async_to_sync

from .. import signals
from ..exceptions import FAILURES, TransactionLeftOpen
from ..models import Event, ReceiverFailure, WebhookRequest
from ..parsing.characters import storable
from ..redaction.errors import class_of, impersonal
from ..signals import Signal, dotted_path
from ..tracing import failed, span
from ..transactions import (
    TransactionStates,
    drop_dead_connections,
    end_transactions,
    roll_back_unseen,
    transaction_states,
)

logger = logging.getLogger(__name__)

#: Characters of a traceback that are kept, from its end.
MAX_ERROR = 8000

#: After a receiver of this many seconds, connections are checked: servers end idle sessions.
_LONG = 0.25

SIGNALS = {name: signal for name, signal in vars(signals).items() if isinstance(signal, Signal)}


class SignalCall(NamedTuple):
    """A signal about one event, or about the request itself."""

    name: str
    sender: Any
    event: Event | None
    named: dict[str, Any]

    @property
    def signal(self) -> Signal:
        return SIGNALS[self.name]

    @property
    def event_id(self) -> int | None:
        return self.event.pk if self.event else None

    def failure(self, receiver: str) -> ReceiverFailure:
        """Return the record of a first call that fails, not saved."""
        request: WebhookRequest = self.named["request"]
        return ReceiverFailure(
            request=request, signal=self.name, event_id=self.event_id, receiver=receiver
        )


class Called(NamedTuple):
    """The result of a call: its error, if it failed, and its seconds."""

    error: BaseException | None
    seconds: float = 0.0


def call_receiver(
    call: SignalCall, receiver: Callable[..., Any], before: TransactionStates | None = None
) -> Called:
    """Call a receiver; it also fails if it left a transaction open.

    ``before`` are the transactions that are open already, if the caller knows them.
    """
    error: BaseException | None = None
    before = transaction_states() if before is None else before
    began = time.perf_counter()
    with span("receiver", signal=call.name, receiver=receiver, request=call.named["request"].token):
        try:
            returned = receiver(signal=call.signal, sender=call.sender, **call.named)
            if (isgenerator(returned) or isasyncgen(returned)) and _has_yield(receiver):
                raise TypeError("the receiver has a yield, so a call runs none of its code")
            if iscoroutine(returned):  # of an ordinary function, such as a decorator's
                async_to_sync(_awaited)(returned)
        except FAILURES as err:
            error = err
            failed(err)
    if error is not None:
        roll_back_unseen()
    left_open = end_transactions(before)
    seconds = time.perf_counter() - began
    if seconds > _LONG:
        drop_dead_connections()  # or the next receiver would fail on one
    if left_open and error is None:
        error = TransactionLeftOpen(
            f"the receiver left a transaction open on {', '.join(left_open)}; end it"
        )
    return Called(error, seconds)


def _has_yield(receiver: Any) -> bool:
    """Tell whether the generator that a receiver returned is its own code."""
    functions = receiver, receiver.__call__  # the second is that of an object
    return any(isgeneratorfunction(each) or isasyncgenfunction(each) for each in functions)


async def _awaited(coroutine: Coroutine[Any, Any, Any]) -> None:
    await coroutine


def note(failure: ReceiverFailure, error: BaseException) -> ReceiverFailure:
    """Log the error of a call, and write it into its record."""
    # A text of its own for each receiver: tools such as Sentry group records by it.
    receiver = failure.receiver.replace("%", "%%")
    logger.error(
        f"Receiver {receiver} of %s raised %s%s;"  # noqa: G004
        " the admin shows its traceback under Receiver failures",
        *(failure.signal, type(error).__name__, _line_of(error)),
        exc_info=impersonal(error),
    )
    failure.error = describe(error)
    failure.exception = storable(class_of(error))
    return failure


def _line_of(error: BaseException) -> str:
    """Return the file and line that raised an error. Its text may be personal."""
    frames = traceback.extract_tb(error.__traceback__)
    return f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""


def describe(error: BaseException) -> str:
    """Return the end of an error's traceback, as text that every database accepts."""
    try:
        lines = traceback.format_exception(error)
    except FAILURES:  # an exception can override its truth value, its text and its causes
        lines = [*traceback.format_tb(error.__traceback__), f"{dotted_path(type(error))}\n"]
    return storable("".join(lines))[-MAX_ERROR:]
