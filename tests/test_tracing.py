"""Spans from a request to each receiver: their tree, and no word that is personal or secret."""

from __future__ import annotations

import importlib
import sys

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from pickyassist_webhooks import tracing
from pickyassist_webhooks.inbox.sweep import sweep
from pickyassist_webhooks.models import WebhookRequest
from tests.requests import SECRET, delivery, keep, post, row, url

pytestmark = pytest.mark.django_db

#: Words that no span may hold.
PRIVATE = ("15550001111", "Hello, Ann", SECRET, "a-strangers-guess", "refuses 15550001111")


def receiver(**named):
    pass


def broken(**named):
    raise ValueError("refuses 15550001111")


async def asynchronous(**named):
    pass


@pytest.fixture
def spans(monkeypatch):
    """Record spans, and return a function that returns those that have ended."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    monkeypatch.setattr(tracing, "_tracer", provider.get_tracer(tracing.NAME))
    return exporter.get_finished_spans


def short(name):
    return name.removeprefix("pickyassist_webhooks.")


def tree(spans):
    """Return the pairs of a span and its parent, by name."""
    names = {span.context.span_id: short(span.name) for span in spans}
    return sorted(
        (short(span.name), names[span.parent.span_id] if span.parent else "") for span in spans
    )


def attributes(span):
    return {short(name): value for name, value in span.attributes.items()}


def test_from_request_to_receiver(spans, listen):
    listen("delivery_received", receiver)
    post(delivery(row("1", message="Hello, Ann")))
    assert tree(spans()) == [
        ("announce", "receive"),
        ("receive", ""),
        ("receiver", "announce"),
        ("store", "receive"),
    ]
    by_name = {short(span.name): attributes(span) for span in spans()}
    token = str(WebhookRequest.objects.get().token)
    assert by_name == {
        "receive": {"request": token, "state": "done", "status": 200},
        "store": {"requests": 1},
        "announce": {"request": token, "kind": "delivery_report"},
        "receiver": {
            "request": token,
            "signal": "delivery_received",
            "receiver": "tests.test_tracing.receiver",
        },
    }


def test_a_receiver_that_raises(spans, listen):
    listen("delivery_received", broken)
    post(delivery(row("1", message="Hello, Ann")))
    [span] = [span for span in spans() if short(span.name) == "receiver"]
    assert span.status.status_code == trace.StatusCode.ERROR
    assert span.status.description == "ValueError"
    assert not span.events
    [receive] = [span for span in spans() if short(span.name) == "receive"]
    assert receive.status.is_unset


def test_by_a_worker(spans, listen):
    listen("delivery_received", receiver)
    for number in range(3):
        keep(delivery(row(str(number))))
    sweep()
    names = [short(span.name) for span in spans()]
    assert names == ["store", *["receiver", "announce"] * 3]
    assert attributes(spans()[0]) == {"requests": 3}


def test_nothing_private(spans, listen):
    listen("delivery_received", receiver)
    listen("delivery_received", broken)
    listen("message_status_changed", asynchronous)
    post(delivery(row("1", message="Hello, Ann")))
    post(b"Hello, Ann 15550001111")
    assert post({}, to=url("a-strangers-guess")).status_code == 403
    named = [attributes(span).get("receiver") for span in spans()]
    assert [name for name in named if name] == [
        f"tests.test_tracing.{each.__name__}" for each in (receiver, broken, asynchronous)
    ]
    for span in spans():
        text = span.to_json()
        assert not [word for word in PRIVATE if word in text]
    assert attributes(spans()[-1]) == {"status": 403}


def test_without_a_provider_there_is_no_span():
    assert isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)
    assert tracing.span("receive") is tracing._NO_SPAN
    post(delivery())


def test_without_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    try:
        importlib.reload(tracing)
        with tracing.span("receive", status=200) as span:
            tracing.describe(status=200)
            tracing.failed(ValueError())
        assert span is None
    finally:
        monkeypatch.undo()
        importlib.reload(tracing)
    assert tracing.trace is trace
