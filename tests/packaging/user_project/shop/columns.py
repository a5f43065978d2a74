"""The types of what the rows hold. Only the plugin of django-stubs knows those of fields."""

from __future__ import annotations

import sys
from datetime import datetime
from uuid import UUID

from pickyassist_webhooks.models import (
    DeliveryReport,
    FilterReport,
    GroupMemberEvent,
    Message,
    NewSubscriber,
    ReceiverFailure,
    WebhookRequest,
)

if sys.version_info >= (3, 11):
    from typing import assert_type
else:
    from typing_extensions import assert_type


def of_message(message: Message) -> None:
    assert_type(message.msg_id, str)
    assert_type(message.reference_number, str)
    assert_type(message.status, int)
    assert_type(message.changed_at, datetime)
    assert_type(message.delivered, bool)


def of_report(report: DeliveryReport) -> None:
    assert_type(report.project_id, str)
    assert_type(report.request, WebhookRequest | None)
    assert_type(report.status, int)
    assert_type(report.previous_status, int | None)
    assert_type(report.error_code, str)
    assert_type(report.received_at, datetime)


def of_verdict(report: FilterReport) -> None:
    assert_type(report.number, str)
    assert_type(report.status, int)


def of_member(event: GroupMemberEvent) -> None:
    assert_type(event.group_id, str)
    assert_type(event.action, int)


def of_subscriber(subscriber: NewSubscriber) -> None:
    assert_type(subscriber.subscriber_id, str)
    assert_type(subscriber.date, datetime | None)


def of_request(request: WebhookRequest) -> None:
    assert_type(request.token, UUID)
    assert_type(request.state, str)
    assert_type(request.secret_label, str)
    assert_type(request.is_replay, bool)
    assert_type(request.deliveryreports.get(), DeliveryReport)


def of_failure(failure: ReceiverFailure) -> None:
    assert_type(failure.request, WebhookRequest)
    assert_type(failure.error, str)
