"""The buttons on a request's page: each by a permission of its own, by POST only, and recorded."""

from __future__ import annotations

from datetime import timedelta

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
from tests.requests import delivery, keep, member, post

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
    assert LogEntry.objects.get().get_change_message() == "Process again: quarantined"


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
