"""The ledger of pushes: what the Push API accepted, in any order with the reports."""

from __future__ import annotations

import asyncio
import json
import random
from datetime import timedelta
from functools import partial
from io import StringIO

import pytest
from asgiref.sync import sync_to_async
from django.core.management import call_command
from django.db import IntegrityError, OperationalError, connection, connections, transaction
from django.urls import reverse
from django.utils import timezone

from pickyassist_webhooks import pushes, transactions
from pickyassist_webhooks.choices import DeliveryStatus, progress
from pickyassist_webhooks.exceptions import PickyAssistError
from pickyassist_webhooks.inbox.sweep import sweep
from pickyassist_webhooks.insights import overview
from pickyassist_webhooks.models import DeliveryReport, Message, Push, WebhookRequest
from pickyassist_webhooks.pushes import PushRefused, arecord_push, record_push
from pickyassist_webhooks.testing import delivery_report, push_answer
from tests.pages import Page
from tests.requests import PROJECT, delivery, post, row
from tests.threads import at_once

pytestmark = pytest.mark.django_db


def answer(*msg_ids, **fields):
    """Return an answer with one message for each id."""
    rows = [{"msg_id": msg_id, "number": "15550001111"} for msg_id in msg_ids or ["900001"]]
    return push_answer(*rows, **{"push_id": "700001"} | fields)


def record(*msg_ids, project_id=PROJECT, references=None, channel="", **fields):
    return record_push(
        answer(*msg_ids, **fields), project_id=project_id, references=references, channel=channel
    )


class TestRecord:
    def test_a_push_and_its_messages(self, settings):
        before = timezone.now()
        push = record("1", "2", references="ORD-1", channel="8")
        assert push == Push.objects.get()
        assert (push.project_id, push.push_id, push.state) == (PROJECT, "700001", "open")
        assert (push.attempts, push.asked_at, push.error) == (0, None, "")
        assert before <= push.recorded_at <= timezone.now()
        assert push.due_at - push.recorded_at == timedelta(hours=1)
        assert str(push) == "700001: open"
        messages = list(push.messages().order_by("pk"))
        assert [message.msg_id for message in messages] == ["1", "2"]
        for message in messages:
            assert message.status == DeliveryStatus.ACCEPTED == -1
            assert message.get_status_display() == "accepted"
            assert message.first_reported_at == message.changed_at >= before
            assert not any((message.delivered, message.failed_seen, message.refunded))
            assert (message.number, message.channel) == ("15550001111", "8")
        assert Message.objects.for_reference("ORD-1").count() == 2
        assert Message.objects.for_number("+1 555 000 1111").count() == 2

    def test_when_it_is_due(self, settings):
        settings.PICKYASSIST_WEBHOOKS = {**settings.PICKYASSIST_WEBHOOKS, "RECONCILE_AFTER": 60}
        push = record()
        assert push.due_at - push.recorded_at == timedelta(minutes=1)

    def test_the_documented_answer_as_text_and_as_bytes(self):
        text = (
            '{"status":100,"push_id":"700001","message":"Success",'
            '"data":[{"msg_id":"900001","number":"15550001111","credit":"1"}]}'
        )
        first = record_push(text, project_id="41")
        assert record_push(text.encode(), project_id="41") == first
        assert record_push(json.loads(text), project_id="41") == first
        assert Message.objects.get().key == "41:900001"

    def test_ids_as_numbers(self):
        push = record_push(
            {"status": "100", "push_id": 700001, "data": [{"msg_id": 900001, "number": 1555}]},
            project_id=41,
        )
        assert (push.project_id, push.push_id) == ("41", "700001")
        assert Message.objects.get().msg_id == "900001"

    def test_a_reference_for_each_row(self):
        record("1", "2", "3", references=["A", "B", ""])
        references = Message.objects.order_by("msg_id").values_list("reference_number", flat=True)
        assert list(references) == ["A", "B", ""]

    def test_references_as_numbers(self):
        record("1", "2", "3", references=[0, 7, None])
        record("4", references=9)
        references = Message.objects.order_by("msg_id").values_list("reference_number", flat=True)
        assert list(references) == ["0", "7", "", "9"]

    @pytest.mark.parametrize("references", [[], ["A"], ["A", "B", "C"]])
    def test_references_for_other_rows_are_refused(self, references):
        with pytest.raises(ValueError, match=f"each of the 2 rows .*, got {len(references)}"):
            record("1", "2", references=references)
        assert not Push.objects.exists()

    def test_rows_without_an_id_have_no_message(self):
        data = [{"msg_id": "1"}, {"msg_id": ""}, {"msg_id": "0"}, "?", {"msg_id": []}, {}]
        record_push({"push_id": "7", "data": data}, project_id="41", references=[*"ABCDEF"])
        message = Message.objects.get()
        assert (message.msg_id, message.reference_number) == ("1", "A")

    @pytest.mark.parametrize(
        ("data", "ids"),
        [
            ({"0": {"msg_id": "1"}, "2": {"msg_id": "2"}}, ["1", "2"]),
            ({"msg_id": "1"}, ["1"]),
            ([{"msg_id": "1"}, {"msg_id": "1", "number": "15550001111"}], ["1"]),
            ([], []),
            ({}, []),
            (None, []),
            ("Success", []),
        ],
    )
    def test_writings_of_the_rows(self, data, ids):
        push = record_push({"push_id": "7", "data": data}, project_id="41")
        assert sorted(push.messages().values_list("msg_id", flat=True)) == ids

    def test_a_row_that_comes_twice_fills_its_blanks(self):
        data = [{"msg_id": "1"}, {"msg_id": "1", "number": "15550001111"}]
        record_push({"push_id": "7", "data": data}, project_id="41")
        assert Message.objects.get().number == "15550001111"

    def test_texts_that_no_database_holds(self):
        record("1", references="A\0\ud800" + "x" * 300, channel=8)
        message = Message.objects.get()
        assert message.reference_number == "A\ufffd\ufffd" + "x" * 252
        assert message.channel == "8"

    def test_the_reference_in_a_row(self):
        """The answer has none; if it gets one, it counts."""
        record_push(push_answer({"reference_number": "ORD-9"}), project_id="41")
        assert Message.objects.get().reference_number == "ORD-9"


class TestRefused:
    @pytest.mark.parametrize(
        ("body", "code", "message"),
        [
            ({"status": 401, "error_message": "No such token"}, "401", "No such token"),
            ({"status": "403", "message": "No balance"}, "403", "No balance"),
            ({"status": 101, "push_id": "7"}, "101", "no message"),
            ({"status": True, "push_id": "7"}, "True", "no message"),
            ({"status": "Success", "push_id": "7"}, "Success", "no message"),
            ({"status": 100}, "missing", "the answer has no push_id"),
            ({"status": 100, "push_id": 0}, "missing", "the answer has no push_id"),
            ({}, "missing", "the answer has no push_id"),
            ({"push_id": ["7"]}, "wrong_type", "a text or a whole number"),
            ({"push_id": "7" * 256}, "too_long", "at most 255"),
            (b"<html>Bad gateway</html>", "not_json", "expected JSON"),
            ("[]", "not_an_object", "expected a JSON object"),
            (b"", "not_json", "expected JSON"),
            (b"\xff\xfe\x00", "not_json", "expected JSON"),
            ("push_id=7", "not_json", "expected JSON"),
        ],
    )
    def test_no_success(self, body, code, message):
        with pytest.raises(PushRefused, match="refused") as caught:
            record_push(body, project_id="41")
        assert caught.value.code == code
        assert message in caught.value.message
        assert message in str(caught.value)
        assert isinstance(caught.value, ValueError)
        assert isinstance(caught.value, PickyAssistError)
        assert not Push.objects.exists()
        assert not Message.objects.exists()

    @pytest.mark.parametrize("status", [100, "100", " 100 ", 100.0, None, ""])
    def test_successes(self, status):
        assert record(status=status).push_id == "700001"

    def test_no_project(self):
        with pytest.raises(ValueError, match="project_id is None"):
            record_push(push_answer({}), project_id=None)
        assert not Push.objects.exists()

    def test_a_project_that_no_column_holds(self):
        with pytest.raises(PushRefused):
            record(project_id="4" * 256)


def snapshot():
    """Return all rows, without ids and times."""
    names = [
        *("key", "push_id", "number", "reference_number", "channel", "status"),
        *("delivered", "failed_seen", "refunded"),
    ]
    reports = ("key", "push_id", "number", "reference_number", "status")
    return (
        list(Message.objects.order_by("key").values_list(*names)),
        list(Push.objects.order_by("key").values_list("key", "state")),
        list(DeliveryReport.objects.order_by("key").values_list(*reports)),
    )


class TestTogetherWithReports:
    def test_again(self):
        push = record("1", "2", references="A")
        before = snapshot(), push.due_at
        assert record("1", "2", references="B") == push
        assert (snapshot(), Push.objects.get().due_at) == before

    def test_the_first_report(self, listen):
        calls = listen("message_status_changed")
        record("1")
        recorded_at = Message.objects.get().first_reported_at
        post(delivery(row("1", "0")))
        post(delivery(row("1", "1")))
        assert [call["previous_status"] for call in calls] == [-1, 0]
        message = Message.objects.get()
        assert (message.status, message.delivered) == (1, True)
        assert message.first_reported_at == recorded_at < message.changed_at
        reports = DeliveryReport.objects.order_by("pk")
        assert [report.get_previous_status_display() for report in reports] == [
            "accepted",
            "unknown",
        ]

    def test_after_its_reports(self, listen):
        post(delivery(row("1", "1", number="", push_id="")))
        reported_at = Message.objects.get().first_reported_at
        record("1", "2", references="ORD-1", channel="8")
        first, second = Message.objects.order_by("msg_id")
        assert (first.status, first.first_reported_at) == (1, reported_at)
        assert (first.push_id, first.number) == ("700001", "15550001111")
        assert (first.reference_number, first.channel) == ("ORD-1", "8")
        assert second.status == -1

    def test_a_report_is_never_replaced(self):
        post(delivery(row("1", "1", reference_number="ORD-1", channel_id="5", push_id="9")))
        record("1", references="ORD-2", channel="8")
        message = Message.objects.get()
        assert (message.reference_number, message.channel) == ("ORD-1", "5")
        assert message.push_id == "9"

    @pytest.mark.parametrize("seed", range(12))
    def test_any_order_gives_the_same_rows(self, seed):
        reports = [delivery(row(*each)) for each in (("1", "4"), ("1", "1"), ("2", "2"))]
        steps = [partial(post, report) for report in reports]
        steps += [partial(record, "1", "2", "3", references=[*"ABC"])] * 2
        random.Random(seed).shuffle(steps)
        for step in steps:
            step()
        messages, ledger, rows = snapshot()
        assert [message[-4:] for message in messages] == [
            (1, True, False, False),
            (2, False, True, False),
            (-1, False, False, False),
        ]
        assert [message[3] for message in messages] == [*"ABC"]
        assert ledger == [("4100:700001", "open")]
        assert len(rows) == 3

    def test_other_projects_are_others(self):
        record("1", project_id="41")
        record("1", project_id="42")
        assert Push.objects.count() == Message.objects.count() == 2

    @pytest.mark.parametrize("state", ["settled", "given_up"])
    def test_new_messages_open_a_push_again(self, state, clock):
        push = record("1")
        Push.objects.update(state=state)
        assert record("1").state == state
        clock.advance(days=9)
        again = record("1", "2")
        assert (again.state, Push.objects.get().state) == ("open", "open")
        assert again.due_at - push.due_at >= timedelta(days=9)


def test_accepted_is_below_all_others():
    ranks = [progress(status) for status in (None, -1, 0, 77, 4, 2, 5, 1, 3)]
    assert ranks == sorted(set(ranks))
    assert DeliveryStatus.ACCEPTED not in dict(DeliveryReport._meta.get_field("status").choices)


def test_a_report_that_says_accepted(root):
    """No report does: it is kept as a code that is not documented."""
    post(delivery(row("1", "-1")))
    report = DeliveryReport.objects.get()
    url = reverse("admin:pickyassist_webhooks_deliveryreport_change", args=[report.pk])
    page = Page(root.get(url))
    assert report.status == -1
    assert page.has("-1 (unrecognised)")


class TestTransactions:
    def test_with_that_of_the_caller(self):
        with transaction.atomic():
            record()
            transaction.set_rollback(True)
        assert not Push.objects.exists()
        with transaction.atomic():
            record()
        assert Push.objects.count() == Message.objects.count() == 1

    def test_a_faster_worker(self, monkeypatch):
        """It stored the same messages since they were looked up."""
        looked_up = pushes._record

        def too_late(*arguments):
            monkeypatch.setattr(pushes, "_record", looked_up)
            raise IntegrityError

        monkeypatch.setattr(pushes, "_record", too_late)
        record()
        assert Push.objects.count() == 1

    def test_a_database_that_fails(self, monkeypatch):
        def fails(*arguments):
            tried.append(arguments)
            raise OperationalError

        tried = []
        monkeypatch.setattr(pushes, "_record", fails)
        monkeypatch.setattr(transactions, "SHORTEST_PAUSE", 0)
        with pytest.raises(OperationalError):
            record()
        assert len(tried) == transactions.MAX_RACES

    def test_a_transaction_of_the_caller_that_is_over_is_not_tried_again(self):
        """MariaDB ends all of it if it deadlocks."""
        tried = []

        def deadlocks(races):
            tried.append(races)
            transaction.set_rollback(True)
            raise OperationalError(1213, "Deadlock found")

        with pytest.raises(OperationalError), transaction.atomic():
            transactions.with_retries("default", deadlocks)
        assert tried == [0]

    def test_statements(self, django_assert_num_queries):
        many = answer(*map(str, range(1, 501)))
        usual = {"postgresql": 6, "sqlite": 6, "mysql": 6}[connection.vendor]
        with django_assert_num_queries(usual):
            record_push(many, project_id=PROJECT)
        assert Message.objects.count() == 500


@pytest.mark.django_db(transaction=True)
class TestConcurrently:
    def test_the_same_answer(self):
        results = at_once(*[partial(record, *map(str, range(1, 51)))] * 8)
        assert {result.pk for result in results} == {Push.objects.get().pk}
        assert Message.objects.count() == 50

    def test_with_its_reports(self, listen):
        ids = [str(number) for number in range(1, 31)]
        reports = [
            partial(post, delivery(*[row(msg_id, status) for msg_id in order]))
            for status, order in (("4", ids), ("1", ids[::-1]), ("3", ids))
        ]
        at_once(*reports, *[partial(record, *ids, references="ORD-1")] * 3)
        sweep()
        assert not WebhookRequest.objects.exclude(state="done").exists()
        assert set(Message.objects.values_list("status", "reference_number", "push_id")) == {
            (3, "ORD-1", "700001")
        }
        assert Message.objects.count() == 30
        assert DeliveryReport.objects.count() == 90

    def test_from_coroutines(self):
        async def all_at_once():
            named = {"project_id": PROJECT, "references": "ORD-1", "channel": "8"}
            calls = [arecord_push(answer(), **named) for _ in range(5)]
            try:
                return await asyncio.gather(*calls)
            finally:
                await sync_to_async(connections.close_all)()

        assert len({push.pk for push in asyncio.run(all_at_once())}) == 1
        message = Message.objects.get()
        assert (message.reference_number, message.channel) == ("ORD-1", "8")


def test_retention(settings, clock):
    """Old pushes go with the events."""
    settings.PICKYASSIST_WEBHOOKS = {
        **settings.PICKYASSIST_WEBHOOKS,
        "RETENTION_DAYS": {"bodies": 9, "events": 9},
    }
    for number, state in enumerate(("open", "settled", "given_up"), 1):
        Push.objects.filter(pk=record(push_id=str(number)).pk).update(state=state)
    clock.advance(days=8)
    call_command("pickyassist_prune", "--no-input", stdout=StringIO())
    assert Push.objects.count() == 3
    clock.advance(days=2)
    call_command("pickyassist_prune", "--no-input", stdout=StringIO())
    assert not Push.objects.exists()
    assert not Message.objects.exists()


class TestPages:
    def test_the_message(self, root):
        record("1", references="ORD-1")
        message = Message.objects.get()
        url = reverse("admin:pickyassist_webhooks_message_change", args=[message.pk])
        page = Page(root.get(url))
        assert page.has("No report yet.")
        assert not page.has("First reported at")
        post(delivery(row("1", "1")))
        page = Page(root.get(url))
        assert page.has("First reported at")
        assert page.has("delivered, before: accepted")
        listed = root.get(
            reverse("admin:pickyassist_webhooks_message_changelist"), {"status__exact": "-1"}
        )
        assert listed.context["cl"].result_count == 0

    def test_the_push(self, root):
        push = record("1", "2")
        url = reverse("admin:pickyassist_webhooks_push_change", args=[push.pk])
        page = Page(root.get(url))
        assert page.has("Messages: 2")
        assert page.has("Due at")
        Push.objects.update(state="given_up")
        page = root.get(url)
        assert 'class="pickyassist-alarm">given up' in page.content.decode()
        assert not Page(page).has("Due at")
        Message.objects.all().delete()
        assert not Page(root.get(url)).has("Messages: 2")

    def test_the_overview(self, root):
        record("1", "2", "3")
        record("before")
        earlier = timezone.now() - timedelta(days=40)
        Message.objects.filter(msg_id="before").update(first_reported_at=earlier)
        post(delivery(row("1", "1")))
        funnel = overview.funnel(overview.latest_days(7)[0])
        assert (funnel.submitted, funnel.delivered, funnel.accepted) == (1, 1, 2)
        page = root.get(reverse("admin:app_list", args=["pickyassist_webhooks"]))
        assert "Accepted by the Push API in this period, without a report: 2" in (
            page.content.decode()
        )
        [link] = [each for each in Page(page).links if "status__exact" in each]
        assert root.get(link).context["cl"].result_count == 2


class TestBuilder:
    def test_it_is_accepted(self):
        first, second = push_answer(), push_answer({"number": "15550009999"}, {})
        assert first["push_id"] != second["push_id"]
        record_push(second, project_id=PROJECT)
        assert Message.objects.count() == 2
        assert Message.objects.for_number("15550009999").count() == 1

    def test_its_reports(self):
        sent = push_answer()
        record_push(sent, project_id=PROJECT)
        ids = {name: sent["data"][0][name] for name in ("msg_id", "number")}
        post(delivery_report(push_id=sent["push_id"], project_id=PROJECT, **ids))
        assert Message.objects.get().status == 1

    def test_a_refusal(self):
        with pytest.raises(PushRefused) as caught:
            record_push(push_answer(status=403, message="No balance"), project_id=PROJECT)
        assert (caught.value.code, caught.value.message) == ("403", "No balance")
