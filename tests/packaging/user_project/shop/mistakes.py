"""What a type checker has to find. It complains of each comment here that silences nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.test import Client

from pickyassist_webhooks import signals
from pickyassist_webhooks.models import FilterReport, Message
from pickyassist_webhooks.testing import batch, capture_events, delivery_report, post_event

if TYPE_CHECKING:
    Message.objects.for_referense("ORD-1")  # type: ignore[attr-defined]
    Message.objects.for_reference(1)  # type: ignore[arg-type]
    Message.objects.for_reference("ORD-1").verdicts()  # type: ignore[attr-defined]
    FilterReport.objects.verdicts("1")  # type: ignore[call-arg]
    assert signals.delivery_receved  # type: ignore[attr-defined]
    batch("not a payload")  # type: ignore[arg-type]
    post_event("no client", delivery_report())  # type: ignore[arg-type]
    assert post_event(Client(), delivery_report()).status  # type: ignore[attr-defined]
    with capture_events() as captured:
        captured.named(1)  # type: ignore[arg-type]
        assert captured.event  # type: ignore[attr-defined]
