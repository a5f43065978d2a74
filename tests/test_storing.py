"""Turn parsed events into rows: the result of each request, its order and its database."""

from __future__ import annotations

import cProfile
import pstats
import re
from datetime import datetime

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models import Sum
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from pickyassist_webhooks import ingest
from pickyassist_webhooks.bulk import plan as bulk_plan
from pickyassist_webhooks.bulk import postgres, writer_of
from pickyassist_webhooks.bulk.plan import Change
from pickyassist_webhooks.inbox import worker
from pickyassist_webhooks.inbox.decide import decide, rows_of
from pickyassist_webhooks.inbox.histories import member_of
from pickyassist_webhooks.inbox.look import NEWEST, look_up
from pickyassist_webhooks.models import (
    DeliveryReport,
    FilterReport,
    GroupMemberEvent,
    Message,
    NewSubscriber,
    WebhookRequest,
)
from pickyassist_webhooks.parsing.payloads import parse
from tests.requests import delivery, filtered, keep, member, post, row, subscriber

pytestmark = pytest.mark.django_db(databases=["default", "own"])


def store(*requests, database="default"):
    batch, writer = list(requests), writer_of(database)
    payloads = [parse(bytes(request.body)) for request in requests]
    rows = rows_of(batch, payloads)
    with transaction.atomic(using=database):
        recorded = look_up(rows, batch, writer, lock=True)
        steps, results = decide(batch, payloads, rows, recorded)
        writer.write([step for step in steps if not isinstance(step, Change)])
        return results


def members(*rows):
    return {"project_id": "4100", "event_id": 3, "data": list(rows)}


class TestTogether:
    def test_each_request_gets_its_own_events(self):
        bodies = [member(), delivery(row("1"), row("2")), filtered(), subscriber(), {}]
        requests = [keep(body) for body in bodies]
        stored = store(*reversed(requests))
        assert [[type(event) for event in result.events] for result in reversed(stored)] == [
            [GroupMemberEvent],
            [DeliveryReport, DeliveryReport],
            [FilterReport],
            [NewSubscriber],
            [],
        ]
        assert [set(result.messages) for result in reversed(stored)] == [
            *(set(), {"4100:1", "4100:2"}, set(), set(), set()),
        ]
        assert [result.changes["repeat_count"] for result in stored] == [0] * 5

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
    def test_the_first_request_has_the_event(self, bodies, name, values):
        requests = [keep(body) for body in bodies]
        second, first = store(*reversed(requests))
        assert (len(first.events), first.changes["repeat_count"]) == (2, 0)
        assert (len(second.events), second.changes["repeat_count"]) == (1, 1)
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
    def test_storing_again_adds_nothing_and_returns_an_equal_result(self, body):
        request = keep(body)
        ingest.process(request.pk)
        [once] = store(WebhookRequest.objects.get())
        [again] = store(WebhookRequest.objects.get())
        kept = type(once.events[0]).objects.order_by("index")
        assert list(kept) == once.events == again.events
        assert [event.index for event in kept] in ([0, 1], [0, 2])
        assert once.changes["repeat_count"] == again.changes["repeat_count"] == 3
        assert set(once.messages) == set(again.messages)
        request.refresh_from_db()
        assert (request.event_count, request.repeat_count) == (2, 3)

    def test_tables_are_locked_in_one_order(self):
        """Otherwise two workers could deadlock."""

        def tables(*bodies):
            requests = [keep(body) for body in bodies]
            with CaptureQueriesContext(connection) as captured:
                store(*requests)
            return re.findall(r'INSERT INTO ["`](\w+)', " ".join(q["sql"] for q in captured))

        locked = tables(subscriber(), member(), filtered(), delivery())
        assert len(locked) == 5
        again = [delivery(row("2")), filtered(row("2")), member(2), subscriber(subscriber_id="2")]
        assert tables(*again) == locked

    def test_large_batches_are_written_in_parts(self, monkeypatch):
        """MariaDB refuses a statement of more than ``max_allowed_packet``."""
        monkeypatch.setattr(bulk_plan, "BATCH", 2)
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

        assert statements(delivery(*[row(f"m{n}", 2) for n in range(5)])) == [3, 3]
        richer = [row(f"m{n}", 2, source="api") for n in range(5)]
        assert statements(delivery(*richer)) == [3, 0]
        assert DeliveryReport.objects.filter(source="api").count() == 5


def test_a_lost_race_in_the_transaction_of_a_test(monkeypatch):
    """Its isolation level is that of the test; another attempt is as good as the first."""

    def lose(*args):
        monkeypatch.setattr(worker, "decide", decide)
        raise DatabaseError("as in a test")

    request = keep(delivery(row("1")))
    monkeypatch.setattr(worker, "decide", lose)
    assert ingest.process(request.pk).state == "done"
    assert worker.decide is decide


def test_a_writer_that_guards_needs_no_locks(monkeypatch):
    monkeypatch.setattr(type(writer_of("default")), "is_guarding", True)
    request = keep(delivery(row("1")))
    with CaptureQueriesContext(connection) as executed:
        assert ingest.process(request.pk).state == "done"
    # The claim skips locked rows instead of waiting for them.
    assert not [query for query in executed if query["sql"].endswith("FOR UPDATE")]


def test_a_report_without_a_message_id_does_not_hide_those_after_it():
    [stored] = store(keep(delivery(row(""), row("1"), row("", number="7"), row("2"))))
    assert set(stored.messages) == {"4100:1", "4100:2"}
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

    def test_only_the_history_of_these_members_is_locked(self):
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
    def test_a_repeat_stays_a_repeat_after_earlier_events(self, rows):
        """An exit that was processed late does not make the repeat an event."""
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

    @pytest.mark.parametrize(
        ("actions", "accepted"),
        [
            ([1, 3, 1], 2),
            ([2, 0, 9, 2], 3),
            ([1, 3, 2, 4, 1, 5, 1], 6),
            ([3, 3], 1),
            ([3, 1, 3], 3),
            ([1, 3, 3, 1], 2),
            ([1, *range(3, 10 + NEWEST), 1], NEWEST + 8),
        ],
    )
    @pytest.mark.parametrize("at_once", [True, False])
    def test_an_unknown_action_is_neither_a_join_nor_an_exit(self, actions, accepted, at_once):
        rows = [member(action) for action in actions]
        for body in [members(*rows)] if at_once else rows:
            post(body)
        assert GroupMemberEvent.objects.count() == accepted
        counts = WebhookRequest.objects.aggregate(events=Sum("event_count"))
        assert counts["events"] == accepted

    def test_a_late_join_before_an_unknown_action_is_the_same_join(self):
        early, unknown, late = keep(member()), keep(member(3)), keep(member())
        for request in (late, unknown, early):
            ingest.process(request.pk)
        actions = GroupMemberEvent.objects.in_order().values_list("action", "arrival")
        assert list(actions) == [(1, early.pk), (3, unknown.pk)]

    def test_only_the_newest_events_of_a_member_are_read(self):
        count = NEWEST + 10
        post(members(*[member(1 + n % 2) for n in range(count)]))
        request = keep(member(1))
        rows = rows_of([request], [parse(bytes(request.body))])
        recorded = look_up(rows, [request], writer_of("default"), lock=False)[GroupMemberEvent]
        history = recorded.histories[member_of(rows[GroupMemberEvent][0])]
        assert len(history._own) == NEWEST
        assert post(member(1)).json()["accepted"] == 1
        assert GroupMemberEvent.objects.latest("pk").ordinal == count + 1

    def test_more_members_than_one_statement_selects(self):
        joins = [member(number=str(number)) for number in range(450)]
        assert post(members(*joins)).json()["accepted"] == 450
        assert post(members(*joins)).json()["repeats"] == 450

    def test_a_request_finds_its_own_events_behind_newer_ones(self):
        request = keep(members(member(1), member(2)))
        ingest.process(request.pk)
        post(members(*[member(1 + n % 2) for n in range(2 * NEWEST)]))
        assert ingest.replay(request.pk).event_count == 2
        assert GroupMemberEvent.objects.count() == 2 + 2 * NEWEST

    def test_twice_the_rows_of_one_member_take_twice_the_calls(self):
        def calls(rows, group_id):
            body = members(*[member(1 + n % 2, group_id=group_id) for n in range(rows)])
            profile = cProfile.Profile()
            assert profile.runcall(post, body).json()["accepted"] == rows
            return pstats.Stats(profile).total_calls

        calls(10, "imports")
        assert calls(2000, "many") < 2.2 * calls(1000, "some")

    @pytest.mark.parametrize("path", ["data[1]", "data[1].group_id"])
    def test_an_invalid_row_may_have_become_valid(self, path):
        request = keep(members(member(), member(2), member()))
        ingest.process(request.pk)
        GroupMemberEvent.objects.filter(index__gt=0).delete()
        problems = [{"path": path, "code": "missing", "expected": "a text"}]
        WebhookRequest.objects.update(event_count=1, repeat_count=1, problems=problems)
        [stored] = store(WebhookRequest.objects.get())
        assert [event.index for event in stored.events] == [0, 1]
        assert stored.changes["repeat_count"] == 1


class RequestsApart:
    """Sends each model to another database, if it is asked for that of the events."""

    def db_for_write(self, model, **hints):
        return "own" if model is WebhookRequest else "default"

    db_for_read = db_for_write

    def allow_relation(self, *objects, **hints):
        return True


def test_all_rows_are_stored_in_the_database_of_the_request(settings):
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
