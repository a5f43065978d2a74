"""Send the signals of a request."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ..choices import Direction, EventKind, GroupAction, RequestState
from ..models import (
    MODELS,
    ChatMessage,
    DeliveryReport,
    Event,
    Message,
    ReceiverFailure,
    WebhookRequest,
    durations,
)
from ..models.failures import failures_of
from ..transactions import transaction_states
from .calling import SIGNALS, SignalCall, call_receiver, note
from .outcome import call_noted

SIGNALS_OF_KIND = {
    EventKind.DELIVERY_REPORT: ("delivery_received", "message_status_changed"),
    EventKind.FILTER_REPORT: ("number_filtered",),
    EventKind.GROUP_MEMBER: ("member_joined", "member_exited"),
    EventKind.NEW_SUBSCRIBER: ("subscriber_added",),
    EventKind.CHAT_MESSAGE: ("message_received", "message_sent"),
}
_OF_ACTION = {GroupAction.JOINED: "member_joined", GroupAction.EXITED: "member_exited"}
_OF_DIRECTION = {Direction.RECEIVED: "message_received", Direction.SENT: "message_sent"}


def is_heard(kind: str, outcome: str, events: int) -> bool:
    """Tell whether a receiver is connected to a signal of such a request."""
    if outcome == RequestState.QUARANTINED:
        return SIGNALS["webhook_quarantined"].has_listeners(WebhookRequest)
    if not events:
        return False
    model = MODELS[kind]
    return any(SIGNALS[name].has_listeners(model) for name in SIGNALS_OF_KIND[model.kind])


def signal_calls(
    request: WebhookRequest,
    events: Iterable[Any] | None = None,
    messages: Mapping[str, Message] | None = None,
    of: Iterable[int | None] = (),
) -> Iterator[SignalCall]:
    """Yield the signal calls of a request, in the order of its events.

    Events, and messages by their keys, are read from the database if they are not given, as after
    a crash. ``of`` limits the events that are read to some ids.
    """
    named: dict[str, Any] = {"request": request, "is_replay": request.is_replay}
    if request.outcome == RequestState.QUARANTINED:
        yield SignalCall("webhook_quarantined", WebhookRequest, None, named)
        return
    if events is None:
        events = _events_of(request, of)
    if messages is None:
        messages = _messages_of(request, events)
    for event in events:
        about = named | {"event": event}
        message = messages.get(event.message_key)
        if isinstance(event, DeliveryReport):
            about["message"] = message
        elif isinstance(event, ChatMessage):
            about["answers"] = message
        if name := _signal_of(event):
            yield SignalCall(name, type(event), event, about)
        if isinstance(event, DeliveryReport) and event.raised_status and message is not None:
            about = about | {"previous_status": event.previous_status}
            yield SignalCall("message_status_changed", DeliveryReport, event, about)


def _signal_of(event: Any) -> str | None:
    """Return the name of the signal that each event of its kind sends, or ``None``."""
    # An unknown action or direction sends no signal.
    if event.kind == EventKind.GROUP_MEMBER:
        return _OF_ACTION.get(event.action)
    if event.kind == EventKind.CHAT_MESSAGE:
        return _OF_DIRECTION.get(event.direction)
    return SIGNALS_OF_KIND[event.kind][0]


def _events_of(request: WebhookRequest, of: Iterable[int | None]) -> list[Any]:
    model: Any = MODELS[request.kind]
    rows = model.objects.using(request._state.db).filter(request=request)
    events = list((rows.filter(pk__in=of) if of else rows).in_order())
    for event in events:
        event.request = request  # a receiver may read it, and each would read the body again
    return events


def _messages_of(request: WebhookRequest, events: Iterable[Event]) -> dict[str, Message]:
    wanted = {event.message_key for event in events} - {""}
    return Message.objects.using(request._state.db).in_bulk(sorted(wanted), field_name="key")


def announce(
    request: WebhookRequest, calls: Iterable[SignalCall], keep_lease: Callable[[], None]
) -> list[ReceiverFailure]:
    """Send each signal, and return the failures of receivers. Neither they nor times are saved.

    ``keep_lease`` is called before each receiver, and raises if another worker took over. If the
    request was recovered after a crash, each call is saved before it is made, and no failure is
    returned. The next worker then skips a receiver that crashed this one, or never returned.
    """
    saved = set()
    if request.is_recovered:
        saved = {failure.signal_call for failure in failures_of(request.pk).defer("error")}
    failures = []
    calls_made: list[tuple[str, float]] = []
    before = transaction_states()
    receivers: dict[str, list[tuple[str, Callable[..., Any]]]] = {}
    for call in calls:
        if call.name not in receivers:
            receivers[call.name] = call.signal.receivers_of(call.sender)
        for name, receiver in receivers[call.name]:
            if saved and (call.name, call.event_id, name) in saved:
                continue
            keep_lease()
            if request.is_recovered:
                calls_made.append((name, call_noted(call, name, receiver)))
                continue
            error, seconds = call_receiver(call, receiver, before)
            calls_made.append((name, seconds))
            # Not by its truth value, which an exception can override.
            if error is not None:
                before = transaction_states()  # the next receiver is not to blame for these
                failures.append(note(call.failure(name), error))
    request.receiver_seconds = durations.total(calls=calls_made) or None
    return failures
