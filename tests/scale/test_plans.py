"""A plan that reads a whole table is noticed: otherwise no list would ever fail."""

from __future__ import annotations

import pytest
from django.db import connection

from pickyassist_webhooks.models import Message, ReceiverFailure
from tests.scale import plans
from tests.scale.plans import Statement

messages = Message.objects.order_by("-first_reported_at", "-pk")


def is_whole_read(rows):
    return bool(plans.whole_read(Statement(*rows.query.sql_with_params())))


@pytest.mark.parametrize(
    "rows",
    [
        messages.filter(project_id="none"),
        messages.filter(project_id="none").order_by("number"),
        messages.order_by("changed_at")[:50],
        messages.order_by("msg_id"),
    ],
    ids=["condition", "condition and order", "order and limit", "index without a limit"],
)
def test_whole_read(rows, meter):
    assert is_whole_read(rows) == (connection.vendor in plans.WAYS)


@pytest.mark.parametrize(
    "rows",
    [
        messages[:50],
        messages.order_by("-pk")[:50],
        messages.filter(number_key="0000000025194"),
        messages.filter(status=5)[:50],
        ReceiverFailure.objects.filter(error="none").order_by("-pk"),
    ],
    ids=["order and limit", "rows and limit", "condition", "condition and limit", "small table"],
)
def test_part_of_a_table(rows, meter):
    assert not is_whole_read(rows)
