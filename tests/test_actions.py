"""The buttons on a request's page: each by a permission of its own, by POST only, and recorded."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from pickyassist_webhooks import ingest
from pickyassist_webhooks.choices import RequestState
from pickyassist_webhooks.exceptions import NothingToDiscard, RequestInWork
from pickyassist_webhooks.models import ReceiverFailure, WebhookRequest
from tests.requests import delivery, keep, member, post, row

ACTIONS = ("replay", "retry", "discard")

pytestmark = pytest.mark.django_db(transaction=True)


def url(page, pk):
    return reverse(f"admin:pickyassist_webhooks_webhookrequest_{page}", args=[pk])


@pytest.fixture
def login(client):
    def login(*permissions, **client_options):
        user = get_user_model().objects.create_user("clerk", is_staff=True)
        codenames = [f"{action}_webhookrequest" for action in permissions if action in ACTIONS]
        codenames += [name for name in permissions if name not in ACTIONS]
        user.user_permissions.set(
            Permission.objects.filter(codename__in=[*codenames, "view_webhookrequest"])
        )
        chosen = Client(**client_options) if client_options else client
        chosen.force_login(user)
        return chosen

    return login


@pytest.fixture
def failing(listen):
    """Let a receiver fail on one request, and mend it when told so."""
    broken = [True]

    def receiver(**named):
        if broken:
            raise ValueError

    listen("member_joined", receiver)
    post(member())
    request = WebhookRequest.objects.get()
    assert request.state == "failing"
    return request, broken.clear


def offered(client, request):
    page = client.get(url("change", request.pk)).content.decode()
    return [action for action in ACTIONS if url(action, request.pk) in page]


def do(client, action, request, **named):
    answer = client.post(url(action, request.pk), named, follow=True)
    assert answer.status_code == 200
    request.refresh_from_db()
    return [str(message) for message in answer.context["messages"]]


def test_what_is_offered(login, failing):
    request, _ = failing
    client = login(*ACTIONS)
    assert offered(client, request) == ["replay", "retry", "discard"]
    post(delivery())
    assert offered(client, WebhookRequest.objects.latest("pk")) == ["replay"]
    WebhookRequest.objects.update(erased_at=timezone.now())
    assert offered(client, request) == ["retry", "discard"]


def test_process_again(login):
    post(b'{"event_id": 9}')
    request = WebhookRequest.objects.get()
    assert do(login("replay"), "replay", request) == ["Request processed again: quarantined."]
    assert request.replays == 1
    assert request.history[0]["by"] == "clerk"
    assert LogEntry.objects.get().get_change_message() == "Request processed again: quarantined."


def test_failed_receivers(login, failing):
    request, mend = failing
    client = login("retry")
    expected = "Failed receivers called again: failing, will be retried."
    assert do(client, "retry", request) == [expected]
    mend()
    assert do(client, "retry", request) == ["Failed receivers called again: done."]
    assert not ReceiverFailure.objects.exists()
    [message] = do(client, "retry", request)
    assert message.startswith("A worker is processing this request, or no receiver is waiting")
    assert LogEntry.objects.count() == 2


def test_discard(login, failing):
    request, _ = failing
    client = login("discard")
    assert do(client, "discard", request, reason=" ") == ["A reason is needed."]
    assert request.state == "failing"
    reason = "a test of <b>theirs</b>" + "x" * 300
    assert do(client, "discard", request, reason=reason) == ["Request discarded."]
    assert request.state == "discarded"
    assert request.history[-1]["what"] == f"discarded: {reason[:200]}"
    assert not ReceiverFailure.objects.exists()
    assert not WebhookRequest.objects.due().exists()
    page = client.get(url("change", request.pk)).content.decode()
    assert "&lt;b&gt;theirs" in page
    [message] = do(client, "discard", request, reason="again")
    assert message.startswith("Nothing is left to do")
    # A person may think better of it.
    assert ingest.replay(request.pk).state == "failing"


@pytest.mark.parametrize("action", ACTIONS)
def test_who_may(action, login, failing):
    request, _ = failing
    client = login(*({*ACTIONS} - {action}))
    assert action not in offered(client, request)
    assert client.post(url(action, request.pk), {"reason": "x"}).status_code == 403
    request.refresh_from_db()
    assert (request.replays, request.state) == (0, "failing")


@pytest.mark.parametrize("action", ACTIONS)
def test_how(action, login, failing):
    request, _ = failing
    client = login(*ACTIONS, enforce_csrf_checks=True)
    assert client.get(url(action, request.pk)).status_code == 405
    assert client.post(url(action, request.pk), {"reason": "x"}).status_code == 403
    assert Client().post(url(action, request.pk)).status_code == 302  # to the login
    request.refresh_from_db()
    assert (request.replays, request.state) == (0, "failing")


@pytest.mark.parametrize("page", [*ACTIONS, "body"])
def test_which(page, login):
    client = login(*ACTIONS, "view_personal_data")
    call = client.get if page == "body" else client.post
    assert call(url(page, 77), {"reason": "x"}).status_code == 404
    post(delivery())
    pk = WebhookRequest.objects.get().pk
    user = get_user_model().objects.get()
    user.user_permissions.remove(Permission.objects.get(codename="view_webhookrequest"))
    assert call(url(page, pk), {"reason": "x"}).status_code == 403


def test_what_a_worker_holds(login):
    request = keep(delivery(), claimed=True)
    client = login(*ACTIONS)
    for action, named in (("replay", {}), ("discard", {"reason": "x"})):
        [message] = do(client, action, request, **named)
        assert "A worker is processing this request" in message
    assert request.state == "received"
    WebhookRequest.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    assert do(client, "replay", request) == ["Request processed again: done."]


def test_a_request_that_is_gone_meanwhile(login, monkeypatch):
    post(delivery())
    request = WebhookRequest.objects.get()

    def gone(*args, **named):
        raise WebhookRequest.DoesNotExist

    monkeypatch.setattr(ingest, "replay", gone)
    assert login("replay").post(url("replay", request.pk)).status_code == 404


def test_a_worker_that_is_faster(login, monkeypatch):
    post(delivery())
    monkeypatch.setattr(ingest, "process", lambda pk: None)
    request = WebhookRequest.objects.get()
    assert do(login("replay"), "replay", request) == ["Request processed again: received."]


def test_commits_on_its_way_under_atomic_requests(login, listen, monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    post(member())
    seen = []

    def receiver(**named):
        seen.append(connection.in_atomic_block)

    listen("member_joined", receiver)
    do(login("replay"), "replay", WebhookRequest.objects.get())
    assert seen == [False]


def test_discarding_says_what_is_wrong():
    done = keep(delivery())
    ingest.process(done.pk)
    with pytest.raises(NothingToDiscard, match="it is already done"):
        ingest.discard(done.pk, "me", "why")
    held = keep(delivery(), claimed=True)
    with pytest.raises(RequestInWork):
        ingest.discard(held.pk, "me", "why")
    with pytest.raises(WebhookRequest.DoesNotExist):
        ingest.discard(0, "me", "why")
    assert ingest.discard(keep(b"").pk, "me", "why").state == RequestState.DISCARDED


def test_a_reason_that_no_database_can_hold():
    pk = ingest.discard(keep(b"").pk, "me\0", "a\0b\ud800").pk
    [entry] = WebhookRequest.objects.get(pk=pk).history
    assert (entry["by"], entry["what"]) == ("me\ufffd", "discarded: a\ufffdb\ufffd")


def test_the_body_as_a_file(login):
    body = b"\xff<script>alert(1)</script>"
    post(body)
    request = WebhookRequest.objects.get()
    client = login("view_personal_data")
    assert url("body", request.pk) in client.get(url("change", request.pk)).content.decode()
    answer = client.get(url("body", request.pk))
    assert answer.content == body
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Disposition"] == f'attachment; filename="{request.token}.body"'
    assert client.post(url("body", request.pk)).status_code == 405
    user = get_user_model().objects.get()
    user.user_permissions.remove(Permission.objects.get(codename="view_personal_data"))
    assert client.get(url("body", request.pk)).status_code == 403
    assert url("body", request.pk) not in client.get(url("change", request.pk)).content.decode()


def test_a_final_button_is_red(login, failing):
    request, _ = failing
    page = login(*ACTIONS).get(url("change", request.pk)).content.decode()
    assert page.count("pickyassist-danger") == 1
    assert 'value="Discard" class="pickyassist-danger"' in page


@pytest.mark.parametrize(
    ("error", "exception", "shown", "shown_masked"),
    [
        (
            "Traceback:\n  File x\nValueError: 15550001111 is ill\n",
            "ValueError",
            "15550001111 is ill",
            "ValueError",
        ),
        ("Call\nmy 15550001111\n", "", "my 15550001111", "•••"),
    ],
)
def test_failures_show_the_last_line(login, failing, error, exception, shown, shown_masked):
    ReceiverFailure.objects.update(error=error, exception=exception)
    where = reverse("admin:pickyassist_webhooks_receiverfailure_changelist")
    client = login("view_receiverfailure")
    masked = client.get(where).content.decode()
    assert shown_masked in masked
    assert "15550001111" not in masked
    codenames = ["view_receiverfailure", "view_personal_data"]
    user = get_user_model().objects.get()
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    assert shown in client.get(where).content.decode()


class TestSelected:
    """Actions on all requests that a filter leaves."""

    def select(self, client, action, requests=(), **data):
        selected = {"_selected_action": [each.pk for each in requests]}
        where = reverse("admin:pickyassist_webhooks_webhookrequest_changelist")
        where += data.pop("query", "")
        return client.post(where, {"action": action} | selected | data, follow=True)

    def confirm(self, client, page, **data):
        """Post the form of a page as a browser does."""
        form = {name: page.context[name] for name in ("select_across", "last")}
        form |= {
            "after": page.context["after"],
            "action": page.context["operation"].action,
            "_selected_action": page.context["selected"],
        }
        return client.post(page.context["here"], form | data, follow=True)

    def told(self, answer):
        return [str(message) for message in answer.context["messages"]]

    def quarantined(self, count):
        for number in range(count):
            post({"event_id": 90 + number})
        return list(WebhookRequest.objects.order_by("pk"))

    def test_discards_with_one_reason_after_a_count(self, login):
        requests = self.quarantined(3)
        client = login("discard")
        page = self.select(client, "discard_selected", requests[:2], index=0)
        assert "2 requests will not be processed any more" in page.content.decode()
        assert not WebhookRequest.objects.filter(state="discarded").exists()
        answer = self.confirm(client, page, reason="not ours")
        assert self.told(answer) == ["2 requests were discarded."]
        states = WebhookRequest.objects.order_by("pk").values_list("state", flat=True)
        assert list(states) == ["discarded", "discarded", "quarantined"]
        for request in WebhookRequest.objects.filter(state="discarded"):
            assert request.history[-1]["what"] == "discarded: not ours"
            assert request.history[-1]["by"] == "clerk"
        changes = {entry.get_change_message() for entry in LogEntry.objects.all()}
        assert changes == {"Request discarded. not ours"}

    def test_discards_all_that_a_filter_leaves_at_the_count(self, login):
        requests = self.quarantined(3)
        post(delivery())
        client = login("discard")
        filtered_list = {"query": "?state__exact=quarantined", "select_across": "1"}
        page = self.select(client, "discard_selected", requests[:1], **filtered_list)
        assert page.context["count"] == 3
        [late, *_] = self.quarantined(1)[-1:]
        answer = self.confirm(client, page, reason="a test")
        assert self.told(answer) == ["3 requests were discarded."]
        late.refresh_from_db()
        assert late.state == "quarantined"
        assert WebhookRequest.objects.filter(state="done").count() == 1

    def test_a_second_time(self, login):
        client = login("discard")
        page = self.select(client, "discard_selected", self.quarantined(1))
        self.confirm(client, page, reason="a test")
        answer = self.confirm(client, page, reason="a test")
        assert self.told(answer) == ["Nothing is left to do for these requests."]

    def test_asks_again_without_a_reason(self, login):
        requests = self.quarantined(1)
        client = login("discard")
        page = self.select(client, "discard_selected", requests)
        again = self.confirm(client, page, reason=" ")
        assert again.context["count"] == 1
        assert "A reason is needed." in again.content.decode()
        assert not WebhookRequest.objects.filter(state="discarded").exists()

    def test_skips_those_that_others_changed(self, login):
        requests = self.quarantined(2)
        client = login("discard")
        page = self.select(client, "discard_selected", requests)
        WebhookRequest.objects.filter(pk=requests[0].pk).update(
            claimed_by="another", due_at=timezone.now() + timedelta(minutes=1)
        )
        answer = self.confirm(client, page, reason="a test")
        assert self.told(answer) == [
            "1 request was discarded. 1 request was skipped: in progress, deleted or finished."
        ]

    def test_ends_before_a_browser_gives_up(self, login, monkeypatch):
        requests = self.quarantined(2)
        client = login("discard")
        page = self.select(client, "discard_selected", requests)
        monkeypatch.setattr("pickyassist_webhooks.admin.bulk.SECONDS", -1)
        answer = self.confirm(client, page, reason="a test")
        assert self.told(answer) == []
        assert answer.context["count"] == 2
        assert answer.context["reason"] == "a test"
        monkeypatch.undo()
        answer = self.confirm(client, answer, reason="a test")
        assert self.told(answer) == ["2 requests were discarded."]

    def test_done_requests_need_nothing(self, login):
        post(delivery())
        client = login("discard")
        answer = self.select(client, "discard_selected", WebhookRequest.objects.all())
        assert self.told(answer) == ["Nothing is left to do for these requests."]

    def test_calls_failed_receivers(self, login, failing):
        request, mend = failing
        mend()
        post(delivery(row("2")))
        client = login("retry")
        page = self.select(client, "call_receivers_again", WebhookRequest.objects.all())
        assert "The failed receivers of 1 request will be called again" in page.content.decode()
        assert "pickyassist-reason" not in page.content.decode()
        answer = self.confirm(client, page)
        assert self.told(answer) == [
            "The failed receivers of 1 request were called again (done: 1)."
        ]
        request.refresh_from_db()
        assert (request.state, request.replays) == ("done", 1)
        changes = [entry.get_change_message() for entry in LogEntry.objects.all()]
        assert changes == ["Failed receivers called again: done."]

    def test_skips_receivers_that_others_called(self, login, failing):
        request, _mend = failing
        client = login("retry")
        page = self.select(client, "call_receivers_again", [request])
        ReceiverFailure.objects.all().delete()
        assert self.told(self.confirm(client, page)) == [
            "1 request was skipped: in progress, deleted or without a failed receiver."
        ]

    def test_processes_all_that_a_filter_leaves_again_a_part_at_a_time(self, login, monkeypatch):
        requests = self.quarantined(3)
        client = login("replay")
        page = self.select(
            client,
            "process_again",
            requests[:1],
            query="?state__exact=quarantined",
            select_across=1,
        )
        assert "3 requests will be processed again" in page.content.decode()
        assert not WebhookRequest.objects.filter(replays=1).exists()
        clock = SimpleNamespace(monotonic=iter([0, 0, 0, 99]).__next__)
        monkeypatch.setattr("pickyassist_webhooks.admin.bulk.time", clock)
        page = self.confirm(client, page)
        monkeypatch.undo()
        assert self.told(page) == ["2 requests were processed again (quarantined: 2)."]
        assert page.context["count"] == 1
        answer = self.confirm(client, page)
        assert self.told(answer) == ["1 request was processed again (quarantined: 1)."]
        replays = WebhookRequest.objects.order_by("pk").values_list("replays", flat=True)
        assert list(replays) == [1, 1, 1]

    def test_takes_more_than_a_list_counts(self, login, monkeypatch):
        monkeypatch.setattr("pickyassist_webhooks.admin.lists.MAX_COUNTED", 2)
        requests = self.quarantined(3)
        client = login("discard")
        page = self.select(client, "discard_selected", requests[:1], select_across=1)
        assert page.context["count"] == 3
        self.confirm(client, page, reason="a test")
        assert not WebhookRequest.objects.exclude(state="discarded").exists()

    def test_those_that_are_gone_meanwhile(self, login):
        requests = self.quarantined(1)
        client = login("replay")
        page = self.select(client, "process_again", requests)
        WebhookRequest.objects.all().delete()
        nothing = "Nothing is left to do for these requests."
        assert self.told(self.confirm(client, page)) == [nothing]

    @pytest.mark.parametrize("last", ["", "x", "9" * 19])
    def test_asks_again_without_a_valid_count(self, last, login):
        requests = self.quarantined(1)
        page = self.select(login("replay"), "process_again", requests, last=last)
        assert page.context["count"] == 1

    @pytest.mark.parametrize("action", ["discard_selected", "call_receivers_again"])
    def test_needs_its_permission(self, login, action):
        requests = self.quarantined(1)
        client = login("replay")
        page = client.get(reverse("admin:pickyassist_webhooks_webhookrequest_changelist"))
        assert action not in page.content.decode()
        self.select(client, action, requests, reason="a test", last="99")
        requests[0].refresh_from_db()
        assert requests[0].state == "quarantined"
