"""What the lists of the read API cost, far from their first page as well."""

from __future__ import annotations

import gc
import statistics
import time

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client

from pickyassist_webhooks.models import DeliveryReport, GroupMemberEvent, Message, WebhookRequest
from tests.scale.figures import FEW, answers

pytestmark = pytest.mark.urls("tests.urls_api")

#: Milliseconds for 99 of 100 answers.
LIMIT = 300

LISTS = {
    "requests": "requests/",
    "requests of a state": "requests/?state=quarantined",
    "requests, followed": "requests/?after=",
    "delivery-reports": "delivery-reports/",
    "delivery-reports of a status": "delivery-reports/?status=2",
    "delivery-reports, oldest first": "delivery-reports/?ordering=received_at",
    "filter-reports": "filter-reports/",
    "group-events": "group-events/",
    "subscribers": "subscribers/",
    "subscribers of a channel": "subscribers/?channel=11",
    "messages": "messages/",
    "messages of a reference": "messages/?reference_number={reference}",
    "messages of a push": "messages/?push_id={push}",
    "messages in conflict": "messages/?conflict=true",
    "a number": "delivery-reports/?number={number}",
    "members of a group": "groups/{group}/members/",
    "a verdict": "numbers/{number}/verdict/",
    "a single request": "requests/{request}/",
}

#: Answers measured of each list: pages one after the other.
ANSWERS = 100


@pytest.fixture(scope="module")
def client(seeded_in):
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("program"))
    return client


@pytest.fixture(scope="module", autouse=True)
def a_server_s_memory():
    """Leave what the other tests hold to them: no server has that much to look through for garbage.

    It takes a fifth of a second each time, which would be counted as some answer's.
    """
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope="module")
def named(seeded_in):
    message = Message.objects.exclude(reference_number="").order_by("-pk").first()
    return {
        "reference": message.reference_number,
        "push": message.push_id,
        "number": DeliveryReport.objects.order_by("-pk").first().number,
        "group": GroupMemberEvent.objects.order_by("-pk").first().group_id,
        "request": WebhookRequest.objects.order_by("-pk").first().pk,
    }


@pytest.mark.parametrize("name", LISTS)
def test_cost(name, client, named, made, pytestconfig):
    start = "/api/" + LISTS[name].format(**named)
    url, times = start, []
    client.get(start)
    for _ in range(ANSWERS):
        began = time.perf_counter()
        answer = client.get(url)
        times.append((time.perf_counter() - began) * 1000)
        assert answer.status_code == 200, answer.content
        page = answer.json()
        # Where it ends it begins anew; a follower has more to ask for as long as there is more.
        url = (page.get("next") if page.get("more", True) else None) or start
    p50, p99 = statistics.median(times), statistics.quantiles(times, n=100)[98]
    pytestconfig.stash[answers].append((name, p50, p99))
    if connection.vendor == "postgresql" or made <= FEW:
        assert p99 < LIMIT
