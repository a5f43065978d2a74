"""Each event once, in constant statements; current state from the history."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from pickyassist_webhooks import ingest
from pickyassist_webhooks.models import (
    DeliveryReport,
    FilterReport,
    GroupMemberEvent,
    Message,
    NewSubscriber,
    WebhookRequest,
)
from tests.requests import delivery, filtered, keep, member, post, row, subscriber

pytestmark = pytest.mark.django_db


class TestOnce:
    def test_equal_ids_of_other_kinds_projects_and_spellings_are_other_events(self):
        post(delivery(row("a1")))
        post(delivery(row("A1"), row("a1", push_id="other")))
        post(delivery(row("a1"), project_id=None))
        post(filtered(row("a1")))
        keys = set(DeliveryReport.objects.values_list("key", flat=True))
        assert keys == {"4100:a1:1", "4100:%411:1", ":a1:1"}
        assert FilterReport.objects.get().key == "4100:a1:1"
        assert Message.objects.filter(msg_id="a1").count() == 2

    def test_without_a_message_id(self):
        rows = [row("", number="1"), row(0, number="1"), row(None, "2", number="1"), row("0")]
        answer = post(delivery(*rows)).json()
        assert (answer["accepted"], answer["repeats"]) == (3, 1)
        assert not Message.objects.exists()
        assert not any(report.raised_status for report in DeliveryReport.objects.all())

    def test_reports_that_outlived_their_message(self):
        """Reports of a new message are not looked up at first; if some exist, they are."""
        post(delivery(row("1"), row("2")))
        Message.objects.all().delete()
        answer = post(delivery(row("1", reference_number="late"), row("3"))).json()
        assert (answer["accepted"], answer["repeats"]) == (1, 1)
        assert DeliveryReport.objects.get(msg_id="1").reference_number == "late"

    def test_a_repeat_fills_the_blanks_of_unknown_fields(self):
        post(delivery(row("1", a="", b=None, c="first")))
        post(delivery(row("1", a="x", b=[1], c="second", d="")))
        post(delivery(row("1", a=" ", b=None, c="", d="y")))
        report = DeliveryReport.objects.get()
        assert report.extra == {"a": "x", "b": [1], "c": "first", "d": "y"}
        assert not report.fill_from(DeliveryReport(extra={"c": ""}, arrival=report.arrival))

    def test_a_receiver_gets_the_same_request_object(self, listen, django_assert_num_queries):
        calls = listen("delivery_received")
        post(delivery(row("1")))
        with django_assert_num_queries(0):
            assert calls[0]["event"].request is calls[0]["request"]

    def test_ids_too_long_for_a_key(self):
        long = "é" * 255
        for _ in range(2):
            post(delivery(row(long), row(long[1:]), project_id=long))
        assert DeliveryReport.objects.count() == 2
        assert all(key.startswith("#") for key in Message.objects.values_list("key", flat=True))
        post(member(group_id=long))
        post(member(2, group_id=long))
        post(member(1, group_id=long))
        assert GroupMemberEvent.objects.count() == 3

    def test_subscribers(self):
        post(subscriber())
        post(subscriber(name="Asha"))
        post(subscriber(channel="8"))
        post(subscriber(subscriber_id=""))
        post(subscriber(subscriber_id="", number="1"))
        assert NewSubscriber.objects.count() == 3
        # Zero is no id, as for messages.
        post(subscriber(subscriber_id=0))
        assert NewSubscriber.objects.count() == 3
        post(subscriber(subscriber_id="0", mobile="15550009999"))
        assert NewSubscriber.objects.count() == 4

    def test_richer_repeats_fill_blanks_and_nothing_else(self):
        post(delivery(row("1", reference_number="", error_code="7", new={"a": 1})))
        post(delivery(row("1", reference_number="ORD-1", error_code="8", new=2, newer=[3])))
        post(delivery(row("1", number="", reference_number="ORD-2", message="\ud800")))
        report = DeliveryReport.objects.get()
        assert (report.reference_number, report.error_code, report.message) == (
            *("ORD-1", "7", "\ufffd"),
        )
        assert report.number == "15550001111"
        assert report.extra == {"new": {"a": 1}, "newer": [3]}
        assert report.request.pk == WebhookRequest.objects.earliest("pk").pk
        assert Message.objects.for_reference("ORD-1").get().msg_id == "1"
        assert not Message.objects.for_reference("ord-1").exists()

    def test_a_repeat_in_the_same_batch_is_richer_too(self):
        post(delivery(row("1"), row("1", reference_number="ORD-1")))
        assert DeliveryReport.objects.get().reference_number == "ORD-1"


@pytest.mark.parametrize("rows", [1, 100, 1000])
@pytest.mark.parametrize("build", [delivery, filtered])
def test_statements_do_not_grow_with_the_batch(rows, build):
    """Except for the chunks that older versions of Django need on SQLite."""

    def statements(payload):
        with CaptureQueriesContext(connection) as captured:
            answer = post(payload).json()
        assert answer["accepted"] + answer["repeats"] == rows
        return len(captured)

    limit = connection.features.max_query_params
    chunks = 0
    if limit and limit < rows * 20:
        fields = len(DeliveryReport._meta.concrete_fields)
        chunks = 2 * (rows * fields // limit + 1) + 2 * (rows // limit + 1)
    fresh = statements(build(*[row(f"m{number}", "2") for number in range(rows)]))
    rising = statements(build(*[row(f"m{number}", "1") for number in range(rows)]))
    repeats = statements(build(*[row(f"m{number}", "1") for number in range(rows)]))
    richer = statements(
        build(*[row(f"m{number}", "1", reference_number="r") for number in range(rows)])
    )
    savepoints = 4  # inside the test's transaction each of ours is two statements
    for counted in (fresh, rising, repeats, richer):
        assert counted <= 7 + savepoints + chunks


class TestMessage:
    def test_facts_and_times(self):
        post(delivery(row("1", "4", channel_id=122, reference_number="ORD-1")))
        first = Message.objects.get()
        post(delivery(row("1", "2")))
        post(delivery(row("1", "3")))
        read = Message.objects.get()
        post(delivery(row("1", "5"), row("1", "1"), row("1", "77")))
        message = Message.objects.get()
        assert (message.status, message.get_status_display()) == (3, "read")
        assert (message.delivered, message.failed_seen, message.refunded) == (True, True, True)
        assert message.first_reported_at == first.first_reported_at
        assert message.changed_at == read.changed_at > first.changed_at
        assert (message.channel, message.push_id) == ("122", "700001")
        assert str(message) == "1: read"
        previous = dict(DeliveryReport.objects.values_list("status", "previous_status"))
        assert previous == {4: None, 2: 4, 3: 2, 5: 3, 1: 3, 77: 3}
        assert [report.status for report in message.reports()] == [4, 2, 3, 5, 1, 77]

    def test_conflict(self):
        post(delivery(row("1", "1"), row("2", "1"), row("2", "5"), row("3", "2"), row("3", "5")))
        assert [m.msg_id for m in Message.objects.all() if m.conflict] == ["2"]
        assert [m.msg_id for m in Message.objects.in_conflict()] == ["2"]

    def test_newest_first(self):
        post(delivery(row("1", reference_number="R"), row("2", reference_number="S")))
        post(delivery(row("3", reference_number="R")))
        assert [m.msg_id for m in Message.objects.for_reference("R")] == ["3", "1"]

    def test_the_order_of_processing_does_not_matter(self):
        """If requests are processed in another order, the state and the times are equal."""
        requests = [
            keep(body)
            for body in (
                b'{"event_id":1,"data":[{"msg_id":"1","status":4}]}',
                b'{"event_id":1,"data":[{"msg_id":"1","status":1}]}',
            )
        ]
        for request in reversed(requests):
            ingest.process(request.pk)
        message = Message.objects.get()
        assert message.first_reported_at == requests[0].received_at
        assert message.changed_at == requests[1].received_at


class TestVerdicts:
    def standing(self):
        return {r.number: r.status for r in FilterReport.objects.verdicts()}

    def test_definite_beats_unknown_and_the_newest_definite_wins(self):
        for msg_id, status in [("1", 1), ("2", 0), ("3", 2), ("4", 9), ("1", 1)]:
            post(filtered(row(msg_id, status)))
        assert self.standing() == {"15550001111": 2}

    def test_unknown_stays_if_there_is_no_other(self):
        post(filtered(row("1", 0), row("2", 0, number="7"), row("3", 1, number="")))
        assert self.standing() == {"15550001111": 0, "7": 0}

    def test_each_project_has_its_own(self):
        post(filtered(row("1", 1)))
        post(filtered(row("1", 2), project_id="4200"))
        assert FilterReport.objects.verdicts().count() == 2
        assert FilterReport.objects.filter(project_id="4100").verdicts().get().status == 1

    def test_first_seen_counts_in_the_order_of_keeping(self):
        def kept(status):
            body = b'{"event_id":2,"data":[{"msg_id":"%d","number":"7","status":"%d"}]}'
            return keep(body % (status, status))

        first, second, repeat = kept(1), kept(2), kept(1)
        for request in (repeat, second, first):
            ingest.process(request.pk)
        assert self.standing() == {"7": 2}

    @pytest.mark.parametrize("order", [(0, 1), (1, 0)])
    def test_positions_in_a_batch_count_in_any_order_of_processing(self, order):
        first = b'{"msg_id":"x","status":0},{"msg_id":"3","number":"7","status":1}'
        first += b',{"msg_id":"y","status":0},{"msg_id":"5","number":"7","status":2}'
        again = b'{"msg_id":"5","number":"7","status":2}'
        requests = [
            keep(b'{"event_id":2,"data":[' + rows + b"]}")
            for rows in (first.replace(b'"status":0', b'"number":"1","status":0'), again)
        ]
        for index in order:
            ingest.process(requests[index].pk)
        assert self.standing()["7"] == 2


class TestMembers:
    def members(self, group_id="A4100", **kwargs):
        return [event.number for event in GroupMemberEvent.objects.members_of(group_id, **kwargs)]

    def test_join_leave_and_join_again(self):
        for action in (1, 2, 1):
            assert post(member(action)).json()["accepted"] == 1
        assert self.members() == ["15550001111"]
        post(member(2))
        assert self.members() == []

    def test_a_repeat_and_an_exit_in_one_batch(self):
        joins = [member(number=number) for number in ("7", "8", "9")]
        post({"project_id": "4100", "event_id": 3, "data": joins})
        rows = [member(number="9"), member(2, number="9")]
        answer = post({"project_id": "4100", "event_id": 3, "data": rows}).json()
        assert (answer["accepted"], answer["repeats"]) == (1, 1)
        assert sorted(self.members()) == ["7", "8"]

    def test_unknown_action_changes_nothing(self):
        post(member(1))
        post(member(3))
        assert self.members() == ["15550001111"]
        assert self.members("a4100") == []

    def test_projects(self):
        post(member())
        post(member(project_id="4200", number="7"))
        assert sorted(self.members()) == ["15550001111", "7"]
        assert self.members(project_id="4200") == ["7"]

    @pytest.mark.parametrize(
        ("change", "accepted"),
        [
            ({}, 0),
            ({"group_subject": ""}, 0),
            ({"group_subject": "B"}, 1),
            ({"application": 10}, 1),
        ],
    )
    def test_what_counts_as_identical(self, change, accepted):
        post(member())
        assert post(member(**change)).json()["accepted"] == accepted

    @pytest.mark.parametrize(
        ("window", "seconds", "accepted"),
        [(32400, 32399, 0), (32400, 32400, 1), (0, 0, 1), (60, 59, 0), (60, -59, 0)],
    )
    def test_repeat_window(self, settings, monkeypatch, window, seconds, accepted):
        settings.PICKYASSIST_WEBHOOKS = {**settings.PICKYASSIST_WEBHOOKS, "REPEAT_WINDOW": window}
        now = timezone.now()
        monkeypatch.setattr("django.utils.timezone.now", lambda: now)
        post(member())
        later = now + timedelta(seconds=seconds)
        monkeypatch.setattr("django.utils.timezone.now", lambda: later)
        assert post(member()).json()["accepted"] == accepted

    def test_a_faster_worker_does_not_change_who_is_in(self):
        """Saved as join, exit, join; processed so that the second join looked like a repeat."""

        def kept(action):
            return keep(b'{"event_id":3,"group_id":"A4100","number":"7","action":%d}' % action)

        join, leave, again = kept(1), kept(2), kept(1)
        for request in (join, again, leave):
            ingest.process(request.pk)
        assert self.members() == ["7"]

    def test_several_in_one_request(self):
        rows = [member(1), member(1), member(2), member(1, number="7"), member(1)]
        answer = post({"project_id": "4100", "event_id": 3, "data": rows}).json()
        assert (answer["accepted"], answer["repeats"]) == (4, 1)
        assert sorted(self.members()) == ["15550001111", "7"]


class TestCurrentSubscribers:
    def test_newest_date_wins_then_the_newest_row(self):
        post(subscriber(name="newer", date="2021-01-01T00:00:00Z"))
        post(subscriber(name="older", date="2020-01-01T00:00:00Z"))
        post(subscriber(name="undated", date="yesterday"))
        post(subscriber(name="by number", subscriber_id=""))
        post(subscriber(name="by other number", subscriber_id="", mobile="7", date=""))
        post(subscriber(name="undated too", subscriber_id="", mobile="7", date="x"))
        names = {s.name for s in NewSubscriber.objects.current()}
        assert names == {"newer", "by number", "undated too"}
        assert str(NewSubscriber.objects.current().get(name="newer")) == "subscriber ZZ100"


def test_events_outlive_their_request():
    post(delivery(row("1")))
    WebhookRequest.objects.all().delete()
    assert DeliveryReport.objects.get().request is None
    assert str(DeliveryReport.objects.get()) == "1: delivered"
