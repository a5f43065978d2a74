"""Under ASGI a sender may be gone before the view is called; the real server's is in tests/docs."""

from __future__ import annotations

import asyncio
import json

import pytest
from asgiref.sync import async_to_sync
from django.core.asgi import get_asgi_application
from django.urls import clear_script_prefix

from pickyassist_webhooks.asgi import finishing
from pickyassist_webhooks.models import WebhookRequest
from tests.requests import SECRET, member

pytestmark = pytest.mark.django_db(transaction=True)

BODY = json.dumps(member()).encode()
PATH = f"/pickyassist/events/{SECRET}/"


@pytest.fixture(autouse=True)
def no_prefix():
    yield
    clear_script_prefix()  # the handler leaves it set


def told(application, messages, path=PATH, **scope):
    """Return what an application answers to a sender who sends so much and then nothing."""
    answers = []
    waiting = list(messages)

    async def receive():
        if not waiting:
            await asyncio.sleep(30)
        return waiting.pop(0)

    async def send(message):
        answers.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
        **scope,
    }
    async_to_sync(application)(scope, receive, send)
    return answers


def body(*parts):
    last = len(parts) - 1
    return [
        {"type": "http.request", "body": part, "more_body": place < last}
        for place, part in enumerate(parts)
    ]


GONE = {"type": "http.disconnect"}


def test_django_alone_gives_it_up():
    told(get_asgi_application(), [*body(BODY), GONE])
    assert not WebhookRequest.objects.exists()


@pytest.mark.parametrize("parts", [[BODY], [BODY[:9], BODY[9:]], [BODY, b""]])
def test_what_has_come_is_finished(parts):
    answers = told(finishing(get_asgi_application()), [*body(*parts), GONE])
    assert answers[0]["status"] == 200
    assert bytes(WebhookRequest.objects.get().body) == BODY


def test_below_a_prefix(settings):
    application = finishing(get_asgi_application())
    told(application, [*body(BODY), GONE], f"/shop{PATH}", root_path="/shop")
    settings.FORCE_SCRIPT_NAME = "/shop"
    told(application, [*body(BODY), GONE], f"/shop{PATH}")
    assert WebhookRequest.objects.count() == 2


def test_below_the_prefix_of_a_language(settings):
    settings.ROOT_URLCONF = "tests.urls_translated"
    settings.MIDDLEWARE = ["django.middleware.locale.LocaleMiddleware", *settings.MIDDLEWARE]
    answers = told(finishing(get_asgi_application()), [*body(BODY), GONE], f"/de{PATH}")
    assert answers[0]["status"] == 200


def test_one_who_waits_is_answered():
    answers = told(finishing(get_asgi_application()), body(BODY))
    assert json.loads(answers[1]["body"])["state"] == "done"


def test_half_a_body_is_given_up():
    assert not told(finishing(get_asgi_application()), [body(BODY, b"")[0], GONE])
    assert not WebhookRequest.objects.exists()


@pytest.mark.parametrize(
    ("scope", "path"),
    [({}, "/elsewhere/"), ({}, "/admin/login/"), ({"type": "websocket"}, PATH)],
    ids=str,
)
def test_what_is_not_for_the_view_is_left_alone(scope, path):
    """Nobody else's request is kept from hearing that its sender is gone."""
    heard = []

    async def application(scope, receive, send):
        heard.extend([await receive() for _ in range(2)])

    told(finishing(application), [*body(BODY), GONE], path, **scope)
    assert heard[-1] == GONE
