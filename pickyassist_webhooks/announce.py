"""Send the signals of a request, and remember the receivers that failed."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from . import keys, signals
from .characters import storable
from .choices import EventKind, GroupAction, RequestState
from .exceptions import TransactionLeftOpen
from .models import MODELS, DeliveryReport, Event, Message, ReceiverFailure, WebhookRequest
from .models.failures import failures_of
from .signals import Signal
from .transactions import Depths, depths, end_transactions

logger = logging.getLogger(__name__)

#: Characters of a traceback that are kept, from its end.
MAX_ERROR = 8000

SIGNALS = {name: signal for name, signal in vars(signals).items() if isinstance(signal, Signal)}
SIGNALS_OF_KIND = {
    EventKind.DELIVERY_REPORT: ("delivery_received", "message_status_changed"),
    EventKind.FILTER_REPORT: ("number_filtered",),
    EventKind.GROUP_MEMBER: ("member_joined", "member_exited"),
    EventKind.NEW_SUBSCRIBER: ("subscriber_added",),
}


class Announcement(NamedTuple):
    """One signal about one event (or about the request itself), ready to be sent."""

    name: str
    sender: Any
    event: Event | None
    named: dict[str, Any]

    @property
    def signal(self) -> Signal:
        return SIGNALS[self.name]

    @property
    def request(self) -> WebhookRequest:
        request: WebhookRequest = self.named["request"]
        return request

    def place(self, receiver: str) -> tuple[str, int | None, str]:
        """What is called, about which event; a failure's ``place`` once it has failed."""
        return (self.name, self.event.pk if self.event else None, receiver)

    def failure(self, receiver: str) -> ReceiverFailure:
        """Return what is kept of a first call that fails, not saved."""
        signal, event_id, receiver = self.place(receiver)
        return ReceiverFailure(
            request=self.request, signal=signal, event_id=event_id, receiver=receiver
        )


def is_heard(kind: str, outcome: str, events: int) -> bool:
    """Tell whether a receiver is connected for what is to be sent about such a request."""
    if outcome == RequestState.QUARANTINED:
        return SIGNALS["webhook_quarantined"].has_listeners(WebhookRequest)
    if not events:
        return False
    model = MODELS[kind]
    return any(SIGNALS[name].has_listeners(model) for name in SIGNALS_OF_KIND[model.kind])


def announcements(
    request: WebhookRequest,
    events: Iterable[Any] | None = None,
    messages: Mapping[tuple[str, str], Message] | None = None,
) -> Iterator[Announcement]:
    """Yield what is to be sent about a request, in the order of its events.

    Events and messages not at hand any more, as after a crash, are read from the database.
    """
    named: dict[str, Any] = {"request": request, "is_replay": request.is_replay}
    if request.outcome == RequestState.QUARANTINED:
        yield Announcement("webhook_quarantined", WebhookRequest, None, named)
        return
    if events is None:
        events = _events_of(request)
    if messages is None:
        messages = _messages_of(request, events)
    for event in events:
        about = named | {"event": event}
        if not isinstance(event, DeliveryReport):
            name = _plain_signal(event)
            if name:
                yield Announcement(name, type(event), event, about)
            continue
        message = messages.get((event.project_id, event.msg_id))
        about["message"] = message
        yield Announcement("delivery_received", DeliveryReport, event, about)
        if event.raised_status and message is not None:
            about = about | {"previous_status": event.previous_status}
            yield Announcement("message_status_changed", DeliveryReport, event, about)


def _plain_signal(event: Any) -> str | None:
    if event.kind != EventKind.GROUP_MEMBER:
        return SIGNALS_OF_KIND[event.kind][0]
    # An unknown action is a row without a signal.
    return {GroupAction.JOINED: "member_joined", GroupAction.EXITED: "member_exited"}.get(
        event.action
    )


def _events_of(request: WebhookRequest) -> list[Any]:
    model: Any = MODELS[request.kind]
    return list(model.objects.using(request._state.db).filter(request=request).in_order())


def _messages_of(
    request: WebhookRequest, events: Iterable[Event]
) -> dict[tuple[str, str], Message]:
    wanted = {
        keys.message(event.project_id, event.msg_id)
        for event in events
        if isinstance(event, DeliveryReport) and event.msg_id
    }
    found = Message.objects.using(request._state.db).in_bulk(sorted(wanted), field_name="key")
    return {(message.project_id, message.msg_id): message for message in found.values()}


def announce(
    request: WebhookRequest,
    announced: Iterable[Announcement],
    keep_lease: Callable[[], None],
) -> list[ReceiverFailure]:
    """Send each signal and return the failures of receivers, not yet saved.

    ``keep_lease`` is called before each receiver, and raises where another worker took over.
    Where this request has been taken over from a worker that was lost, each call is noted before
    it is made: what kills a worker, or never returns, is then known and left out next time.
    """
    noted = set()
    if request.taken_over:
        noted = {failure.place for failure in failures_of(request.pk).defer("error")}
    failures = []
    before = depths()
    receivers: dict[str, list[tuple[str, Callable[..., Any]]]] = {}
    for one in announced:
        if one.name not in receivers:
            receivers[one.name] = one.signal.receivers_of(one.sender)
        for receiver, call in receivers[one.name]:
            if noted and one.place(receiver) in noted:
                continue
            keep_lease()
            failure = one.failure(receiver) if request.taken_over else None
            error = _noted(failure, one, call) if failure else _called(one, call, before)
            # Not by its truth, which an exception may define as it likes.
            if error is not None:
                before = depths()  # what could not be undone is no fault of the next one
                failures.append(_failed(failure or one.failure(receiver), error))
    return failures


def announce_again(
    failures: Iterable[ReceiverFailure],
    announced: Iterable[Announcement],
    keep_lease: Callable[[], None],
) -> tuple[list[ReceiverFailure], list[ReceiverFailure]]:
    """Call the receivers that failed, and no other; return those still failing, those mended."""
    again = {(one.name, one.event.pk if one.event else None): one for one in announced}
    still, mended = [], []
    for failure in failures:
        keep_lease()
        one = again.get((failure.signal, failure.event_id))
        if one is None:  # the event was deleted meanwhile
            mended.append(failure)
            continue
        failure.attempts += 1
        calls = dict(one.signal.receivers_of(one.sender))
        error: Exception | None
        if failure.receiver not in calls:
            error = LookupError(f"expected a connected receiver {failure.receiver}, found none")
        elif one.request.taken_over:
            error = _noted(failure, one, calls[failure.receiver])
        else:
            error = _called(one, calls[failure.receiver], depths())
        if error is not None:
            still.append(_failed(failure, error))
        else:
            mended.append(failure)
    return still, mended


def _noted(
    failure: ReceiverFailure, one: Announcement, call: Callable[..., Any]
) -> Exception | None:
    """Call one receiver, noting it first, and return what it raised."""
    database = str(one.request._state.db)
    failure.note(database)
    error = _called(one, call, depths())
    if error is None:
        failure.delete(using=database)
    return error


def _called(one: Announcement, call: Callable[..., Any], before: Depths) -> Exception | None:
    """Call one receiver and return what it raised, or that it left a transaction open."""
    error: Exception | None = None
    try:
        call(signal=one.signal, sender=one.sender, **one.named)
    except Exception as err:
        error = err
    left = end_transactions(before)
    if left and error is None:
        error = TransactionLeftOpen(
            f"expected every transaction to be ended, one was left open on {', '.join(left)}"
        )
    return error


def _failed(failure: ReceiverFailure, error: Exception) -> ReceiverFailure:
    logger.error(
        "Receiver %s of %s raised %s%s; its traceback is with the receiver failures in the admin",
        *(failure.receiver, failure.signal, type(error).__name__, _place(error)),
    )
    failure.error = describe(error)
    return failure


def _place(error: Exception) -> str:
    """Return where an error was raised, and not what it says, which may be personal."""
    frames = traceback.extract_tb(error.__traceback__)
    return f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""


def describe(error: Exception) -> str:
    """Return the end of an error's traceback, as text that every database takes."""
    return storable("".join(traceback.format_exception(error)))[-MAX_ERROR:]
