"""A project's tests of its receivers, by what the app gives for them."""

from __future__ import annotations

import sys
from pathlib import Path

from django.test import TestCase

from pickyassist_webhooks.models import DeliveryReport, Event, Message
from pickyassist_webhooks.testing import (
    Captured,
    CapturedEvents,
    WebhookTestMixin,
    batch,
    capture_events,
    delivery_report,
    filter_report,
    group_member,
    new_subscriber,
    post_event,
)

from . import answers

if sys.version_info >= (3, 11):
    from typing import assert_type
else:
    from typing_extensions import assert_type


class ShopTest(WebhookTestMixin, TestCase):
    def test_a_message(self) -> None:
        for status in (4, 1):
            response = self.post_event(
                delivery_report(status=status, msg_id="M1", reference_number="ORD-1")
            )
            assert assert_type(response.status_code, int) == 200
        assert answers.became_of("ORD-1") == ["delivered"]
        [message] = Message.objects.for_reference("ORD-1")
        assert [report.status for report in answers.history_of(message)] == [4, 1]
        assert len(answers.log()) == 2
        assert answers.conflicts("8") == []
        [first, second] = assert_type(
            self.captured_events.named("message_status_changed"), list[Captured]
        )
        assert assert_type(second.message, Message | None) == message
        assert (first.previous_status, second.previous_status) == (None, 4)
        assert Path("came.txt").read_text("utf-8").endswith("message_status_changed 4 delivered\n")

    def test_all_else(self) -> None:
        with capture_events() as captured:
            assert_type(captured, CapturedEvents)
            post_event(self.client, batch(filter_report(number="15550001111"), filter_report()))
            post_event(self.client, group_member(group_id="A4100"))
            post_event(self.client, new_subscriber(subscriber_id="S1"))
            post_event(self.client, b"not JSON")
        assert answers.verdicts()["15550001111"] == "WhatsApp number"
        assert [join.group_id for join in answers.members_of("A4100")] == ["A4100"]
        assert [row.subscriber_id for row in answers.subscribers()] == ["S1"]
        events = assert_type(captured.events, list[Event])
        assert len(events) == 4
        assert not any(isinstance(event, DeliveryReport) for event in events)
        assert [call.signal for call in captured][-1] == "webhook_quarantined"
