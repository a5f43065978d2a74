"""Test events: posted through the real URL, told from others everywhere, and removed."""

from __future__ import annotations

import json
import shlex
from datetime import timedelta
from html import unescape

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from pickyassist_webhooks.choices import RequestState
from pickyassist_webhooks.inbox import spool
from pickyassist_webhooks.inbox.sweep import drain
from pickyassist_webhooks.insights import streams
from pickyassist_webhooks.models import (
    MODELS,
    ChatMessage,
    DeliveryReport,
    EventStream,
    GroupMemberEvent,
    Message,
    Push,
    WebhookRequest,
)
from pickyassist_webhooks.models.requests import TEST_MARKER, requests
from pickyassist_webhooks.privacy import removal
from pickyassist_webhooks.pushes import record_push
from pickyassist_webhooks.testing import push_answer
from pickyassist_webhooks.testing.samples import samples
from tests.requests import PROJECT, delivery, keep, member, post, row, url

pytestmark = pytest.mark.django_db

APP = "admin:pickyassist_webhooks"
TEST_URL = f"{url()}?{TEST_MARKER}"
REMOVE = reverse(f"{APP}_webhookrequest_tests")
DELETE = [
    f"delete_{model._meta.model_name}" for model in (WebhookRequest, *MODELS.values(), Message)
]
each_marked = pytest.mark.parametrize("model", [WebhookRequest, Message, *MODELS.values()])


def send(mark="1"):
    """Post a sample of each event as a test."""
    return [post(payload, to=TEST_URL).json() for _, payload in samples(mark)]


def list_of(client, model, **query):
    return client.get(reverse(f"{APP}_{model._meta.model_name}_changelist"), query)


def listed(client, model, **query):
    return {each.pk for each in list_of(client, model, **query).context["cl"].result_list}


def rows_of(client, answer):
    return client.get(reverse(f"{APP}_webhookrequest_test", args=[answer["id"]]))


class TestMarker:
    def test_receivers_are_called_and_can_tell(self, listen):
        calls = [listen(name) for name in ("delivery_received", "number_filtered", "member_exited")]
        calls += [listen("subscriber_added"), listen("message_received"), listen("member_joined")]
        assert all(answer["ok"] and answer["accepted"] == 1 for answer in send())
        for [call] in calls:
            assert call["request"].is_test
            assert call["event"].request.is_test

    @pytest.mark.parametrize("query", ["", "?pickyassist_test=0", "?x=pickyassist_test=1"])
    def test_other_requests_are_no_tests(self, query):
        post(delivery(), to=url() + query)
        assert not WebhookRequest.objects.get().is_test

    def test_a_sample_is_new_for_each_mark(self):
        assert all(answer["accepted"] == 1 for answer in [*send("1"), *send("2")])
        assert all(answer["accepted"] == 0 for answer in send("2")[:2])

    def test_the_group_has_no_member_afterwards(self):
        send()
        joined, left = GroupMemberEvent.objects.order_by("pk")
        assert (joined.action, left.action) == (1, 2)
        assert not GroupMemberEvent.objects.members_of(joined.group_id, joined.project_id)

    def test_it_outlives_the_spool(self, tmp_path, settings):
        settings.PICKYASSIST_WEBHOOKS = {
            **settings.PICKYASSIST_WEBHOOKS,
            "SPOOL_DIR": str(tmp_path),
        }
        assert spool.write(WebhookRequest.objects.new(b"{}", query=TEST_MARKER))
        drain()
        assert WebhookRequest.objects.get().is_test


class TestSilence:
    def test_a_test_does_not_end_a_silence(self, clock):
        post(delivery())
        streams.store()
        clock.advance(hours=30)
        send()
        clock.advance(hours=1)
        streams.store()
        stream = EventStream.objects.get()
        assert (stream.kind, stream.count) == ("delivery_report", 1)
        assert stream.last_at < WebhookRequest.objects.latest("pk").received_at - timedelta(days=1)

    def test_events_without_a_request_are_read(self):
        post(delivery())
        WebhookRequest.objects.all().delete()
        assert [
            s.count for s in streams.current(later()).get("delivery_report").by_project.values()
        ] == [1]


def later():
    from django.utils import timezone

    return timezone.now() + timedelta(minutes=1)


class TestLists:
    @each_marked
    def test_without_tests_there_is_no_column_and_no_filter(self, model, root):
        post(delivery())
        page = list_of(root, model)
        assert "test" not in page.context["cl"].list_display
        assert "Test events" not in page.content.decode()
        assert "Remove test events" not in page.content.decode()

    @each_marked
    def test_a_badge_and_a_filter(self, model, root, django_assert_max_num_queries):
        for body in (payload for _, payload in samples("other")):
            post(body)
        others = set(model.objects.values_list("pk", flat=True))
        send()
        everything = set(model.objects.values_list("pk", flat=True))
        tests = everything - others
        with django_assert_max_num_queries(10):
            page = list_of(root, model)
        assert page.content.decode().count("pickyassist-badge") == len(tests)
        assert listed(root, model) == everything
        assert listed(root, model, tests="only") == tests
        assert listed(root, model, tests="none") == others
        assert list_of(root, model, tests="?").status_code == 302
        requests().tests().update(origin="webhook")
        assert listed(root, model, tests="only") == set()  # a bookmark goes on to work
        assert listed(root, model, tests="none") == everything

    def test_a_message_of_another_project_with_the_id_of_a_test_is_none(self, root):
        post(delivery(row("same")), to=TEST_URL)
        post(delivery(row("same"), project_id="another"))
        [test] = Message.objects.filter(project_id=PROJECT)
        assert listed(root, Message, tests="only") == {test.pk}
        assert listed(root, Message, tests="none") == {test.pk + 1}

    @pytest.mark.parametrize(
        "query",
        [
            {"tests": "only"},
            {"tests": "none", "country": "US", "status__exact": "1"},
            {"error_code": "7"},
        ],
    )
    def test_filters_of_messages_cost_few_queries(
        self, query, login, django_assert_max_num_queries
    ):
        post(delivery(row("1", 2, error_code="7", number="15550001111")))
        send()
        client = login("view_message")  # whose permissions are two queries more than root's
        with django_assert_max_num_queries(10):
            list_of(client, Message, **query)

    def test_an_empty_page_of_a_list(self, root):
        send()
        assert listed(root, ChatMessage, q="nothing") == set()

    def test_the_page_of_a_row_has_no_badge(self, root):
        send()
        pk = WebhookRequest.objects.first().pk
        page = root.get(reverse(f"{APP}_webhookrequest_change", args=[pk])).content.decode()
        assert "test event" in page
        assert "pickyassist-badge" not in page

    def test_only_who_may_remove_them_sees_the_link(self, root, login):
        send()
        assert "Remove test events" in list_of(root, WebhookRequest).content.decode()
        viewer = login("view_webhookrequest")
        assert "Remove test events" not in list_of(viewer, WebhookRequest).content.decode()


class TestRowsOfATest:
    def test_links(self, root):
        for answer, (_, payload) in zip(send(), samples("1"), strict=True):
            rows = rows_of(root, answer).json()
            assert (rows["pending"], rows["state"]) == (False, "done")
            texts = [link["text"] for link in rows["links"]]
            assert texts[0] == "Request"
            expected = ["Delivery report", "Message"] if payload.get("event_id") == 1 else None
            assert texts[1:] == (expected or texts[1:2])
            for link in rows["links"]:
                assert root.get(link["url"]).status_code == 200

    def test_several_rows_are_a_list(self, root):
        answer = post(delivery(row("1"), row("2")), to=TEST_URL).json()
        [_, reports, _] = rows_of(root, answer).json()["links"]
        assert reports["text"] == "Delivery reports"
        assert len(root.get(reports["url"]).context["cl"].result_list) == 2

    def test_a_receiver_that_fails(self, listen, root):
        def fail(**named):
            raise ValueError

        listen("delivery_received", fail)
        rows = rows_of(root, send()[0]).json()
        assert not rows["pending"]
        assert rows["state"] == "failing, will be retried"
        assert rows["failed"] is True
        assert "Receiver failure" in [link["text"] for link in rows["links"]]

    def test_the_project_may_have_its_own_admin_of_a_model(self, root, monkeypatch):
        own = admin.ModelAdmin(DeliveryReport, admin.site)
        monkeypatch.setitem(admin.site._registry, DeliveryReport, own)
        [_, report, _] = rows_of(root, send()[0]).json()["links"]
        assert report["text"] == "Delivery report"

    def test_only_models_that_the_user_may_view(self, login):
        rows = rows_of(login("view_webhookrequest"), send()[0]).json()
        assert len(rows["links"]) == 1

    def test_only_tests(self, root):
        assert rows_of(root, post(delivery()).json()).status_code == 404

    def test_needs_a_permission(self, login):
        assert rows_of(login("view_webhook_url"), send()[0]).status_code == 403


class TestUrlPage:
    page = reverse(f"{APP}_webhookrequest_url")

    def test_the_samples_are_accepted(self, root):
        self.post_samples(root)
        assert DeliveryReport.objects.get().msg_id == "TEST-7"

    def test_the_samples_of_each_secret_are_accepted(self, root, settings):
        settings.PICKYASSIST_WEBHOOKS = settings.PICKYASSIST_WEBHOOKS | {
            "SECRETS": {"shop": "s" * 30, "other": "o" * 30},
            "PROJECT_IDS": {"shop": ["4100"], "other": ["5200"]},
        }
        self.post_samples(root)
        projects = DeliveryReport.objects.values_list("project_id", "request__secret_label")
        assert set(projects) == {("4100", "shop"), ("5200", "other")}

    def post_samples(self, client):
        for _, address, texts in client.post(self.page).context["urls"]:
            for sample in json.loads(texts):
                body = json.dumps(sample["payload"]).replace("MARK", "7")
                answer = post(body.encode(), to=f"{address}?{TEST_MARKER}").json()
                assert answer["accepted"] == 1

    def test_what_curl_posts_is_a_test(self, root):
        text = unescape(root.post(self.page).content.decode())
        [command] = [line for line in text.splitlines() if "curl -H" in line]
        words = shlex.split(command.partition(">")[2].partition("</pre>")[0])
        address = words[-1].removeprefix("http://testserver")
        assert post(words[-2].encode(), to=address).json()["accepted"] == 1
        assert WebhookRequest.objects.get().is_test

    def test_without_permission_to_view_requests(self, login):
        page = login("view_webhook_url").post(self.page).content.decode()
        assert "data-test" not in page
        assert "data-copy" in page
        assert 'id="pickyassist-tests"' in page  # the script tells there that it copied


class TestRemoval:
    def test_the_question_costs_few_queries(self, root, django_assert_max_num_queries):
        send()
        with django_assert_max_num_queries(10):
            root.get(REMOVE)

    def test_asks_with_counts_and_removes_all_that_they_made(self, root):
        post(delivery(row("real")))
        send()
        text = root.get(REMOVE).content.decode()
        assert "Webhook requests: 6" in text
        assert "Group member events: 2" in text
        assert "Messages: 1" in text
        page = root.post(REMOVE, follow=True)
        assert "6 test requests were removed, with their events." in page.content.decode()
        assert [report.msg_id for report in DeliveryReport.objects.all()] == ["real"]
        assert [message.msg_id for message in Message.objects.all()] == ["real"]
        for model in {*MODELS.values()} - {DeliveryReport}:
            assert not model.objects.exists()
        assert not WebhookRequest.objects.tests().exists()
        assert LogEntry.objects.count() == 6
        nothing = "There are no test events to remove."
        assert nothing in root.get(REMOVE).content.decode()
        page = root.post(REMOVE, follow=True)
        assert [str(message) for message in page.context["messages"]] == [nothing]

    def test_a_message_with_other_reports_stays(self):
        post(delivery(row("both", "4")), to=TEST_URL)
        post(delivery(row("both", "1")))
        record_push(push_answer({"msg_id": "pushed"}, push_id="57"), project_id=PROJECT)
        post(delivery(row("pushed", "1", push_id="57")), to=TEST_URL)
        removal.remove(removal.oldest())
        assert {message.msg_id for message in Message.objects.all()} == {"both", "pushed"}
        assert DeliveryReport.objects.count() == 1
        assert Push.objects.exists()

    def test_a_request_that_is_not_finished_stays(self, root, listen):
        def fail(**named):
            raise ValueError

        listen("member_joined", fail)
        post(member(), to=TEST_URL)
        request = WebhookRequest.objects.get()
        assert request.state == RequestState.FAILING
        text = root.get(REMOVE).content.decode()
        assert "1 test request is in progress or will be retried, and stays." in text
        root.post(REMOVE)
        assert GroupMemberEvent.objects.exists()

    def test_a_claimed_request_stays(self, clock):
        send()
        request = WebhookRequest.objects.first()
        request.claimed_by, request.due_at = "worker", request.received_at + timedelta(hours=1)
        request.save()
        removal.remove(removal.oldest())
        assert list(WebhookRequest.objects.all()) == [request]

    def test_many_are_removed_in_steps(self, root, monkeypatch):
        monkeypatch.setattr(removal, "MOST", 4)
        send()
        assert "These are the oldest 4 requests." in root.get(REMOVE).content.decode()
        root.post(REMOVE)
        root.post(REMOVE)
        assert not WebhookRequest.objects.exists()

    @pytest.mark.parametrize("missing", DELETE)
    def test_needs_the_permission_to_delete_each_model(self, missing, login):
        send()
        clerk = login(*({"view_webhookrequest", *DELETE} - {missing}))
        assert clerk.get(REMOVE).status_code == clerk.post(REMOVE).status_code == 403
        assert WebhookRequest.objects.count() == 6

    def test_quarantined_ones_too(self):
        keep(b"{}", query=TEST_MARKER, state=RequestState.QUARANTINED)
        removal.remove(removal.oldest())
        assert not WebhookRequest.objects.exists()


class Replica:
    def db_for_read(self, model, **hints):
        return "default"

    def db_for_write(self, model, **hints):
        return "own" if model._meta.app_label == "pickyassist_webhooks" else None

    def allow_relation(self, *objects, **hints):
        return True


@pytest.mark.django_db(databases=["default", "own"], transaction=True)
@each_marked
def test_lists_that_are_read_from_a_replica(model, root, settings):
    send()
    WebhookRequest.objects.using("own").bulk_create(WebhookRequest.objects.all())
    settings.DATABASE_ROUTERS = [Replica()]
    rows = list_of(root, model).context["cl"].result_list
    assert rows
    assert all(row.has_badge for row in rows)
    assert list_of(root, model, tests="only").status_code == 200
