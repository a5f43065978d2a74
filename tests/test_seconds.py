"""Claims, pauses and windows last their seconds, also in nights with a clock change."""

from __future__ import annotations

from datetime import datetime, timedelta
from datetime import timezone as zones
from io import StringIO

import pytest
from django.core.management import call_command

from pickyassist_webhooks import ingest
from pickyassist_webhooks.inbox.leases import renewal
from pickyassist_webhooks.inbox.sweep import sweep
from pickyassist_webhooks.models import ReceiverFailure, WebhookRequest
from pickyassist_webhooks.models.moments import elapsed, in_local_time, later
from pickyassist_webhooks.models.requests import LEASE
from tests.requests import delivery, keep, member, post

pytestmark = pytest.mark.django_db(transaction=True)

#: The moments when clocks go forward and back in Berlin.
CHANGES = {
    "forward": datetime(2026, 3, 29, 1, tzinfo=zones.utc),
    "back": datetime(2026, 10, 25, 1, tzinfo=zones.utc),
}


@pytest.fixture(params=CHANGES)
def night(request, settings, monkeypatch):
    """A project without time zones, twenty seconds before a clock change."""

    class Night:
        now = CHANGES[request.param] - timedelta(seconds=20)

        def advance(self, **by):
            self.now += timedelta(**by)

    settings.USE_TZ, settings.TIME_ZONE = False, "Europe/Berlin"
    night = Night()
    monkeypatch.setattr("django.utils.timezone.now", lambda: in_local_time(night.now))
    return night


def test_a_claim_lasts_its_time(night):
    request = keep(delivery())
    assert WebhookRequest.objects.claim([request.pk])
    night.advance(seconds=59)
    assert not WebhookRequest.objects.claim([request.pk])
    night.advance(seconds=2)
    assert WebhookRequest.objects.claim([request.pk])


def test_a_claim_is_renewed_after_a_third_of_its_time(night):
    [request] = WebhookRequest.objects.claim([keep(delivery()).pk])
    first = request.due_at
    renew = renewal([request])
    night.advance(seconds=19)
    renew()
    assert request.due_at == first
    night.advance(seconds=2)
    renew()
    assert elapsed(first, request.due_at) == timedelta(seconds=21)


def test_the_queue_keeps_running(night):
    keep(delivery())
    night.advance(seconds=30)
    assert sweep() == {"done": 1}


def test_a_failed_receiver_is_called_again_after_its_pause(night, listen):
    def breaks_once(**named):
        if len(calls) < 2:
            raise ValueError

    calls = listen("delivery_received")
    listen("delivery_received", breaks_once)
    post(delivery())
    night.advance(seconds=29)
    assert sweep() == {}
    printed = StringIO()
    call_command("pickyassist_process", stdout=printed)
    assert " 1 s" in printed.getvalue()
    calls.append({})
    night.advance(seconds=2)
    assert sweep() == {"done": 1}
    assert not ReceiverFailure.objects.exists()


def test_a_person_may_replay_a_request_at_any_time(night):
    post(delivery())
    night.advance(seconds=30)
    assert ingest.replay(WebhookRequest.objects.get().pk).state == "done"


@pytest.mark.parametrize(("hours", "accepted"), [(8.9, 0), (9.1, 1)])
def test_a_repeat_counts_only_within_its_window(night, hours, accepted):
    night.advance(hours=-2)  # only the fold distinguishes the two hours of a repeated one
    post(member())
    night.advance(hours=hours)
    assert post(member()).json()["accepted"] == accepted


@pytest.mark.parametrize("seconds", [1, 60, 3600, 86400])
def test_later_and_elapsed_use_real_time(night, seconds):
    by, start = timedelta(seconds=seconds), in_local_time(night.now)
    assert later(start, by) == in_local_time(night.now + by)
    assert elapsed(start, later(start, by)) == by
    assert elapsed(night.now, later(night.now, LEASE)) == LEASE
