"""The cost of the lists of the read API, also far from their first page."""

from __future__ import annotations

import gc
import statistics
import time

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client

from pickyassist_webhooks.models import (
    ChatMessage,
    DeliveryReport,
    GroupMemberEvent,
    Message,
    WebhookRequest,
)
from tests.machine import fastest
from tests.scale import seeds
from tests.scale.expressions import BUSY
from tests.scale.figures import FEW, answers

pytestmark = pytest.mark.urls("tests.urls_api")

#: The limit for 99 of 100 answers, in milliseconds.
LIMIT = 300

LISTS = {
    "requests": "requests/",
    "requests of a state": "requests/?state=quarantined",
    "change feed of requests": "requests/?after=",
    "delivery-reports": "delivery-reports/",
    "delivery-reports of a status": "delivery-reports/?status=2",
    "delivery-reports, oldest first": "delivery-reports/?ordering=received_at",
    "filter-reports": "filter-reports/",
    "group-events": "group-events/",
    "subscribers": "subscribers/",
    "subscribers of a channel": "subscribers/?channel=11",
    "chat-messages": "chat-messages/",
    "chat-messages of a group": "chat-messages/?group_id={chat_group}",
    "chat-messages of a direction": "chat-messages/?direction=1",
    "a conversation": "numbers/{number}/conversation/",
    "a long conversation": f"numbers/{BUSY}/conversation/",
    "replies": "messages/{answered}/replies/",
    "messages": "messages/",
    "messages of a reference": "messages/?reference_number={reference}",
    "messages of a push": "messages/?push_id={push}",
    "messages in conflict": "messages/?conflict=true",
    "a number": "delivery-reports/?number={number}",
    "members of a group": "groups/{group}/members/",
    "a verdict": "numbers/{number}/verdict/",
    "a single request": "requests/{request}/",
}

#: Answers to measure for each list: one page after the other.
ANSWERS = 100


@pytest.fixture(scope="module")
def client(seeded_in):
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("program"))
    return client


@pytest.fixture(scope="module", autouse=True)
def memory_of_a_server():
    """Hide the objects of the other tests from the garbage collector, as no server has so many.

    A collection takes a fifth of a second, which would count as the time of an answer.
    """
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope="module")
def parameters(seeded_in):
    message = Message.objects.exclude(reference_number="").order_by("-pk").first()
    return {
        "reference": message.reference_number,
        "push": message.push_id,
        "number": DeliveryReport.objects.order_by("-pk").first().number,
        "chat_group": seeds.BUSY_GROUP,
        "answered": _answered().pk,
        "group": GroupMemberEvent.objects.order_by("-pk").first().group_id,
        "request": WebhookRequest.objects.order_by("-pk").first().pk,
    }


def _answered():
    reply = ChatMessage.objects.exclude(context_msg_id="").order_by("-pk").first()
    return Message.objects.get(project_id=reply.project_id, msg_id=reply.context_msg_id)


@pytest.mark.parametrize("name", LISTS)
def test_cost(name, client, parameters, made, pytestconfig):
    start = "/api/" + LISTS[name].format(**parameters)
    client.get(start)
    rounds = []

    def measure():
        rounds.append(milliseconds_of(client, start))
        return p99_of(rounds[-1])

    p99 = fastest(measure, LIMIT)
    p50 = statistics.median(min(rounds, key=p99_of))
    pytestconfig.stash[answers].append((name, p50, p99))
    if connection.vendor == "postgresql" or made <= FEW:
        assert p99 < LIMIT


def milliseconds_of(client, start):
    """Return the time of each answer, one page of a list after the other."""
    url, times = start, []
    for _ in range(ANSWERS):
        began = time.perf_counter()
        answer = client.get(url)
        times.append((time.perf_counter() - began) * 1000)
        assert answer.status_code == 200, answer.content
        page = answer.json()
        # After the last page, start again. The change feed has a last page too: "more" is false.
        url = (page.get("next") if page.get("more", True) else None) or start
    return times


def p99_of(times):
    return statistics.quantiles(times, n=100)[98]
