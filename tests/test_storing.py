"""Parsed events to rows: what each of several requests gets, in which order, and where."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from pickyassist_webhooks import ingest
from pickyassist_webhooks import store as storing
from pickyassist_webhooks.models import (
    DeliveryReport,
    FilterReport,
    GroupMemberEvent,
    Message,
    NewSubscriber,
    WebhookRequest,
)
from pickyassist_webhooks.payloads import parse
from pickyassist_webhooks.tables import orm, postgres
from pickyassist_webhooks.tables.choice import writes_of
from tests.requests import delivery, filtered, keep, member, post, row, subscriber

pytestmark = pytest.mark.django_db(databases=["default", "own"])


def store(*requests, database="default"):
    payloads = [parse(bytes(request.body)) for request in requests]
    with transaction.atomic(using=database):
        writes = writes_of(database)
        stored = storing.store(list(requests), payloads, timedelta(hours=9), writes)
        writes.execute()
        return stored


def members(*rows):
    return {"project_id": "4100", "event_id": 3, "data": list(rows)}


class TestTogether:
    def test_each_gets_its_own(self):
        bodies = [member(), delivery(row("1"), row("2")), filtered(), subscriber(), {}]
        requests = [keep(body) for body in bodies]
        stored = store(*reversed(requests))
        assert [[type(event) for event in one.events] for one in reversed(stored)] == [
            [GroupMemberEvent],
            [DeliveryReport, DeliveryReport],
            [FilterReport],
            [NewSubscriber],
            [],
        ]
        assert [set(one.messages) for one in reversed(stored)] == [
            *(set(), {("4100", "1"), ("4100", "2")}, set(), set(), set()),
        ]
        assert [one.repeats for one in stored] == [0] * 5

    @pytest.mark.parametrize(
        ("bodies", "name", "values"),
        [
            (
                [delivery(row("2"), row("1")), delivery(row("1"), row("3"))],
                "msg_id",
                ["2", "1", "3"],
            ),
            (
                [members(member(), member(number="7")), members(member(), member(2))],
                "action",
                [1, 1, 2],
            ),
        ],
    )
    def test_the_one_that_was_kept_first_has_the_event(self, bodies, name, values):
        requests = [keep(body) for body in bodies]
        second, first = store(*reversed(requests))
        assert (len(first.events), first.repeats) == (2, 0)
        assert (len(second.events), second.repeats) == (1, 1)
        events = [*first.events, *second.events]
        assert [event.index for event in events] == [0, 1, 1]
        assert [getattr(event, name) for event in events] == values

    @pytest.mark.parametrize(
        "body",
        [
            delivery(row("1"), row("2"), row("1"), row("2"), row("1")),
            members(member(), member(), member(2), member(2), member(2)),
        ],
    )
    def test_again_adds_nothing_and_returns_the_same(self, body):
        request = keep(body)
        ingest.process(request.pk)
        [once] = store(WebhookRequest.objects.get())
        [again] = store(WebhookRequest.objects.get())
        kept = type(once.events[0]).objects.order_by("index")
        assert list(kept) == once.events == again.events
        assert [event.index for event in kept] in ([0, 1], [0, 2])
        assert once.repeats == again.repeats == 3
        assert set(once.messages) == set(again.messages)
        request.refresh_from_db()
        assert (request.event_count, request.repeat_count) == (2, 3)

    def test_tables_are_locked_in_one_order(self):
        """Or two workers could wait for each other."""

        def tables(*bodies):
            requests = [keep(body) for body in bodies]
            with CaptureQueriesContext(connection) as captured:
                store(*requests)
            return re.findall(r'INSERT INTO ["`](\w+)', " ".join(q["sql"] for q in captured))

        found = tables(subscriber(), member(), filtered(), delivery())
        assert len(found) == 5
        again = [delivery(row("2")), filtered(row("2")), member(2), subscriber(subscriber_id="2")]
        assert tables(*again) == found

    def test_large_batches_are_written_in_parts(self, monkeypatch):
        """MariaDB refuses a statement of more than ``max_allowed_packet``."""
        monkeypatch.setattr(orm, "BATCH", 2)
        monkeypatch.setattr(postgres, "BATCH", 2)

        def statements(body):
            request = keep(body)
            with CaptureQueriesContext(connection) as captured:
                store(request)
            return [
                sum(
                    table in q["sql"].partition("(")[0] and "SELECT" not in q["sql"][:6]
                    for q in captured
                )
                for table in (DeliveryReport._meta.db_table, Message._meta.db_table)
            ]

        calls = 2 if connection.vendor == "sqlite" else 1  # of all rows but the last, and of it
        assert statements(delivery(*[row(f"m{n}", 2) for n in range(5)])) == [2 * calls + 1] * 2
        richer = [row(f"m{n}", 2, source="api") for n in range(5)]
        assert statements(delivery(*richer)) == [3, 0]
        assert DeliveryReport.objects.filter(source="api").count() == 5


def test_a_report_without_a_message_id_does_not_hide_those_after_it():
    [stored] = store(keep(delivery(row(""), row("1"), row("", number="7"), row("2"))))
    assert set(stored.messages) == {("4100", "1"), ("4100", "2")}
    assert Message.objects.count() == 2


class TestMembers:
    def test_events_of_a_member_are_counted_from_one(self):
        post(members(member(1), member(2), member(1, number="7"), member(1)))
        assert sorted(GroupMemberEvent.objects.values_list("key", flat=True)) == [
            "4100:%414100:15550001111:000001",
            "4100:%414100:15550001111:000002",
            "4100:%414100:15550001111:000003",
            "4100:%414100:7:000001",
        ]

    def test_only_the_history_of_the_members_at_hand_is_locked(self):
        post(members(member(), member(number="7"), member(group_id="B")))
        post(member(project_id="4200"))
        with CaptureQueriesContext(connection) as captured:
            store(keep(member(2)))
        [history] = [
            q["sql"] for q in captured if q["sql"].startswith("SELECT") and "ordinal" in q["sql"]
        ]
        where = history.partition("WHERE")[2]
        assert all(name in where for name in ("project_id", "group_id", "number"))

    @pytest.mark.parametrize("rows", [[member()], [member(), member(1, number="7")]])
    def test_a_repeat_stays_one_whatever_was_found_before_it(self, rows):
        """A leave that was processed late does not make the repeat an event."""
        join, leave, again = keep(member()), keep(member(2)), keep(members(*rows))
        for request in (join, again, leave):
            ingest.process(request.pk)
        counts = {"event_count": len(rows) - 1, "repeat_count": 1}
        assert WebhookRequest.objects.filter(pk=again.pk, **counts).exists()
        ingest.replay(again.pk)
        assert WebhookRequest.objects.filter(pk=again.pk, **counts).exists()
        assert GroupMemberEvent.objects.count() == len(rows) + 1

    def test_an_event_is_compared_with_the_one_next_to_it_in_time(self):
        requests = [keep(member()), keep(member(2)), keep(member())]
        for request in reversed(requests):
            ingest.process(request.pk)
        assert GroupMemberEvent.objects.count() == 3

    def test_an_event_that_was_moved_to_an_earlier_request_is_next_to_its_rows(self):
        """A faster worker has stored it from the second row of a later request."""
        requests = [
            keep(members(member(), member())),
            keep(members(member(number="7"), member())),
        ]
        for request in reversed(requests):
            ingest.process(request.pk)
        assert GroupMemberEvent.objects.filter(number="15550001111").count() == 1

    @pytest.mark.parametrize("path", ["data[1]", "data[1].group_id"])
    def test_a_row_that_was_a_problem_may_have_become_readable(self, path):
        request = keep(members(member(), member(2), member()))
        ingest.process(request.pk)
        GroupMemberEvent.objects.filter(index__gt=0).delete()
        problems = [{"path": path, "code": "missing", "expected": "a text"}]
        WebhookRequest.objects.update(event_count=1, repeat_count=1, problems=problems)
        [stored] = store(WebhookRequest.objects.get())
        assert [event.index for event in stored.events] == [0, 1]
        assert stored.repeats == 1


class RequestsApart:
    """Would have each model written elsewhere, were it asked for the database of the events."""

    def db_for_write(self, model, **hints):
        return "own" if model is WebhookRequest else "default"

    db_for_read = db_for_write

    def allow_relation(self, *objects, **hints):
        return True


def test_everything_is_stored_where_its_request_is(settings):
    settings.DATABASE_ROUTERS = ["tests.test_storing.RequestsApart"]
    for status in (2, 1):
        bodies = [
            delivery(row("1", status), row("2", 1, source="api" if status == 1 else "")),
            member(),
            member(2, group_subject="" if status == 2 else "Team"),
        ]
        store(*map(keep, bodies), database="own")
    reports = DeliveryReport.objects.using("own").order_by("pk").values_list("msg_id", "source")
    assert list(reports) == [("1", ""), ("2", "api"), ("1", "")]
    assert Message.objects.using("own").get(msg_id="1").status == 1
    assert GroupMemberEvent.objects.using("own").count() == 4
    for model in (DeliveryReport, Message, GroupMemberEvent):
        assert not model.objects.using("default").exists()


def test_dates_without_time_zones_are_those_of_the_site(settings):
    settings.USE_TZ = False
    settings.TIME_ZONE = "Asia/Kolkata"
    with timezone.override("America/New_York"):
        post(subscriber(date="2020-05-29T10:31:06Z"))
        post(subscriber(date="yesterday"))
    dates = NewSubscriber.objects.order_by("pk").values_list("date", flat=True)
    assert list(dates) == [datetime(2020, 5, 29, 16, 1, 6), None]
