"""Spans of OpenTelemetry from a request to each receiver, if its API is installed.

A span holds tokens, states, names of signals and paths of receivers: no secret, number or text.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from .signals import dotted_path

_NO_SPAN = nullcontext()

try:
    from opentelemetry import trace
except ImportError:

    def span(name: str, **attributes: Any) -> AbstractContextManager[Any]:
        """Return a context without a span."""
        return _NO_SPAN

    def describe(**attributes: Any) -> None:
        """Do nothing: there is no span."""

    def failed(error: BaseException) -> None:
        """Do nothing: there is no span."""

else:
    #: The name of the tracer, and the beginning of each name in it.
    NAME = "pickyassist_webhooks"

    _tracer = trace.get_tracer(NAME)

    def span(name: str, **attributes: Any) -> AbstractContextManager[Any]:
        """Return a context in which a span is the current one, if the project records spans."""
        if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
            return _NO_SPAN
        # The message of an exception may hold a number, so it is never recorded.
        return _tracer.start_as_current_span(
            f"{NAME}.{name}",
            attributes=_named(attributes),
            record_exception=False,
            set_status_on_exception=False,
        )

    def describe(**attributes: Any) -> None:
        """Add attributes to the current span."""
        current = trace.get_current_span()
        if current.is_recording():
            current.set_attributes(_named(attributes))

    def failed(error: BaseException) -> None:
        """Mark the current span as failed, with the type of the error only."""
        trace.get_current_span().set_status(trace.StatusCode.ERROR, type(error).__name__)

    def _named(attributes: dict[str, Any]) -> dict[str, Any]:
        return {f"{NAME}.{name}": _value(value) for name, value in attributes.items()}

    def _value(value: Any) -> int | str:
        if isinstance(value, int):
            return value
        # An asynchronous receiver is wrapped.
        return dotted_path(getattr(value, "awaitable", value)) if callable(value) else str(value)
