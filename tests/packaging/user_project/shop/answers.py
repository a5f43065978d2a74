"""The questions that README.md names, and of which type each answer is."""

from __future__ import annotations

import sys

from pickyassist_webhooks.models import (
    DeliveryReport,
    FilterReport,
    GroupMemberEvent,
    Message,
    NewSubscriber,
)

if sys.version_info >= (3, 11):
    from typing import assert_type
else:
    from typing_extensions import assert_type


def became_of(reference_number: str) -> list[str]:
    messages = Message.objects.for_reference(reference_number)
    return [assert_type(message, Message).get_status_display() for message in messages]


def history_of(message: Message) -> list[DeliveryReport]:
    return [assert_type(report, DeliveryReport) for report in message.reports()]


def conflicts(channel: str) -> list[Message]:
    messages = Message.objects.filter(channel=channel).in_conflict()
    return [message for message in messages if assert_type(message.conflict, bool)]


def verdicts() -> dict[str, str]:
    reports = FilterReport.objects.verdicts()
    return {assert_type(row, FilterReport).number: row.get_status_display() for row in reports}


def members_of(group_id: str, project_id: str | None = None) -> list[GroupMemberEvent]:
    joins = GroupMemberEvent.objects.members_of(group_id, project_id)
    return [assert_type(join, GroupMemberEvent) for join in joins]


def subscribers() -> list[NewSubscriber]:
    return [assert_type(row, NewSubscriber) for row in NewSubscriber.objects.current()]


def log() -> list[DeliveryReport]:
    return [assert_type(report, DeliveryReport) for report in DeliveryReport.objects.in_order()]
