"""How long requests and their receivers took: one measurement, without a further statement."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.utils import timezone

from pickyassist_webhooks import ingest
from pickyassist_webhooks.inbox.sweep import sweep
from pickyassist_webhooks.models import ReceiverFailure, WebhookRequest, durations
from tests.requests import delivery, keep, post, row

pytestmark = pytest.mark.django_db(transaction=True)

#: Seconds that a slow receiver takes.
SLOW = 0.02


def slow(**named):
    time.sleep(SLOW)


def quick(**named):
    pass


def broken(**named):
    time.sleep(SLOW)
    if broken.is_broken:
        raise ValueError


@pytest.fixture(autouse=True)
def _broken():
    broken.is_broken = True


def path(receiver):
    return f"{__name__}.{receiver.__name__}"


def times(request):
    return WebhookRequest.objects.get(pk=request.pk).receiver_seconds


def the_request():
    return WebhookRequest.objects.get()


def test_of_each_receiver(listen):
    for receiver in (slow, quick):
        listen("delivery_received", receiver)
    post(delivery())
    request = the_request()
    assert SLOW <= request.receiver_seconds[path(slow)] < 1
    assert request.receiver_seconds[path(quick)] < SLOW
    assert request.duration >= request.receiver_seconds[path(slow)]


def test_the_calls_of_one_receiver_are_summed(listen):
    listen("delivery_received", slow)
    listen("message_status_changed", slow)
    post(delivery(row("1"), row("2")))
    assert the_request().receiver_seconds[path(slow)] >= 4 * SLOW


def test_each_request_of_a_batch_has_its_own(listen):
    def receiver(event, **named):
        if event.msg_id == "1":
            time.sleep(SLOW)

    listen("delivery_received", receiver)
    first, second = keep(delivery(row("1"))), keep(delivery(row("2")))
    listen("member_joined", quick)
    sweep()
    [(name, seconds)] = times(first).items()
    assert seconds >= SLOW > times(second)[name]


def test_a_batch_with_a_request_that_no_receiver_was_called_for(listen):
    listen("member_joined", quick)
    listen("delivery_received", slow)
    kept = [keep(delivery(row("1"))), keep(delivery(row("1"))), keep({"event_id": 99})]
    sweep()
    assert [bool(times(request)) for request in kept] == [True, False, False]
    assert all(request.duration is not None for request in WebhookRequest.objects.all())


def test_without_a_receiver():
    post(delivery())
    request = the_request()
    assert request.receiver_seconds is None
    assert request.finished_at == request.processed_at


def test_the_page_says_if_no_receiver_was_called(listen, root):
    for is_connected in (False, True):
        post(delivery(row(str(is_connected))))
        newest = WebhookRequest.objects.latest("pk")
        page = root.get(f"/admin/pickyassist_webhooks/webhookrequest/{newest.pk}/change/")
        assert ("none was called" in page.content.decode()) is not is_connected
        listen("delivery_received", quick)


@pytest.mark.parametrize("state", ["done", "failing"])
def test_the_overview_lists_the_slowest_ten(root, state):
    post(delivery())
    seconds = {f"shop.receiver_{number}": number for number in range(20, 32)}
    WebhookRequest.objects.update(state=state, receiver_seconds=seconds)
    page = root.get("/admin/pickyassist_webhooks/").content.decode().replace("<wbr>", "")
    assert [receiver in page for receiver in seconds] == [False] * 2 + [True] * 10


def test_failed_calls_count_too_and_retries_add_to_them(listen):
    listen("delivery_received", broken)
    post(delivery(row("1"), row("2")))
    request = the_request()
    assert request.state == "failing"
    assert request.finished_at is None
    assert request.duration is None
    earlier = request.receiver_seconds[path(broken)]
    assert earlier >= 2 * SLOW
    broken.is_broken = False
    ReceiverFailure.objects.update(due_at=timezone.now())
    sweep()
    request = the_request()
    assert request.state == "done"
    assert request.receiver_seconds[path(broken)] >= earlier + 2 * SLOW
    assert request.duration > earlier


def test_after_a_crash(listen):
    listen("delivery_received", slow)
    listen("delivery_received", broken)
    request = keep(delivery())
    WebhookRequest.objects.update(crash_count=1)
    ingest.process(request.pk)
    assert set(times(request)) == {path(slow), path(broken)}


def test_of_a_request_that_failed_permanently(listen, settings):
    settings.PICKYASSIST_WEBHOOKS = {**settings.PICKYASSIST_WEBHOOKS, "MAX_ATTEMPTS": 1}
    listen("delivery_received", broken)
    post(delivery())
    assert the_request().state == "dead"
    assert the_request().duration >= SLOW


def test_a_crash_in_each_attempt(settings):
    settings.PICKYASSIST_WEBHOOKS = {**settings.PICKYASSIST_WEBHOOKS, "MAX_ATTEMPTS": 1}
    request = keep(delivery())
    WebhookRequest.objects.update(attempts=1)
    ingest.process(request.pk)
    assert the_request().state == "dead"
    assert the_request().duration is not None


def test_processing_again_begins_again(listen):
    listen("delivery_received", broken)
    post(delivery())
    request = the_request()
    ingest.replay(request.pk, "ann", only_failed_receivers=True)
    assert times(request)[path(broken)] >= 2 * SLOW
    broken.is_broken = False
    ingest.replay(request.pk, "ann")
    assert times(request)[path(broken)] >= SLOW
    assert the_request().finished_at is not None


def test_of_quarantine(listen):
    listen("webhook_quarantined", slow)
    post({"event_id": 99})
    assert the_request().receiver_seconds[path(slow)] >= SLOW
    assert the_request().duration >= SLOW


def test_the_slowest_are_kept():
    many = {f"receiver{number}": number / 1000 for number in range(100)}
    kept = durations.total(many, None, {"receiver99": 1.00009})
    assert len(kept) == durations.MAX_RECEIVERS
    assert list(kept.items())[:2] == [("receiver99", 1.099), ("receiver98", 0.098)]


def test_a_clock_that_was_set_back_is_no_negative_duration():
    now = timezone.now()
    request = WebhookRequest(received_at=now, finished_at=now - timedelta(hours=1))
    assert request.duration == 0
