"""ASGI: a sender can hang up before the view is called. Tests with real servers: tests/docs."""

from __future__ import annotations

import asyncio
import json

import pytest
from asgiref.sync import async_to_sync
from django.core.asgi import get_asgi_application
from django.core.exceptions import PermissionDenied
from django.urls import clear_script_prefix
from django.utils import translation

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


def answers_of(application, messages, path=PATH, **scope):
    """Return the answers of an application to a sender of these messages."""
    answers = []
    waiting = messages if isinstance(messages, Flood) else list(messages)

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
        {"type": "http.request", "body": part, "more_body": position < last}
        for position, part in enumerate(parts)
    ]


GONE = {"type": "http.disconnect"}


def test_django_alone_cancels_it():
    answers_of(get_asgi_application(), [*body(BODY), GONE])
    assert not WebhookRequest.objects.exists()


@pytest.mark.parametrize("parts", [[BODY], [BODY[:9], BODY[9:]], [BODY, b""]])
def test_a_body_that_arrived_is_processed(parts):
    answers = answers_of(finishing(get_asgi_application()), [*body(*parts), GONE])
    assert answers[0]["status"] == 200
    assert bytes(WebhookRequest.objects.get().body) == BODY


def test_below_a_prefix(settings):
    application = finishing(get_asgi_application())
    answers_of(application, [*body(BODY), GONE], f"/shop{PATH}", root_path="/shop")
    settings.FORCE_SCRIPT_NAME = "/shop"
    answers_of(application, [*body(BODY), GONE], f"/shop{PATH}")
    assert WebhookRequest.objects.count() == 2


def test_below_the_prefix_of_a_language(settings):
    settings.ROOT_URLCONF = "tests.urls_translated"
    settings.MIDDLEWARE = ["django.middleware.locale.LocaleMiddleware", *settings.MIDDLEWARE]
    # Otherwise the middleware's language would stay for later tests.
    with translation.override("en"):
        answers = answers_of(finishing(get_asgi_application()), [*body(BODY), GONE], f"/de{PATH}")
    assert answers[0]["status"] == 200


def test_a_sender_that_waits_is_answered():
    answers = answers_of(finishing(get_asgi_application()), body(BODY))
    assert json.loads(answers[1]["body"])["state"] == "done"


def test_half_a_body_is_kept(caplog):
    answers = answers_of(finishing(get_asgi_application()), [body(BODY[:20], b"")[0], GONE])
    assert answers[0]["status"] == 400
    assert bytes(WebhookRequest.objects.get().body) == BODY[:20]
    assert "Kept an incomplete body: 20 bytes arrived. Cause:" in caplog.text


def test_a_sender_that_hangs_up_before_the_first_byte(caplog):
    answers = answers_of(finishing(get_asgi_application()), [GONE])
    assert answers[0]["status"] == 400
    assert "the connection broke before the first byte (ConnectionResetError)" in caplog.text


class Flood:
    """A sender whose body does not end; it counts the bytes that were read."""

    def __init__(self, size=64 * 1024, parts=10**9):
        self.part, self.parts = b" " * size, parts
        self.read = 0

    def __len__(self):
        return self.parts

    def pop(self, position):
        self.parts -= 1
        self.read += len(self.part)
        return {"type": "http.request", "body": self.part, "more_body": bool(self.parts)}


def flooded(flood, path=PATH, application=None, **scope):
    answers = answers_of(application or finishing(get_asgi_application()), flood, path, **scope)
    return answers[0]["status"], dict(answers[0]["headers"]).get(b"connection")


STRANGE = "/pickyassist/events/wrong/"
LIMIT = 10 * 1024 * 1024
ANNOUNCED = [(b"host", b"localhost"), (b"content-length", b"400000000")]


def test_nothing_of_a_strangers_body_is_read():
    for path in (STRANGE, "/pickyassist/events/", f"{PATH}more/"):
        flood = Flood()
        assert flooded(flood, path) == (403, b"close")
        assert flooded(flood, path, headers=ANNOUNCED) == (403, b"close")
        assert flood.read == 0


def test_reading_stops_at_the_limit():
    flood = Flood()
    assert flooded(flood) == (413, b"close")
    assert LIMIT < flood.read <= LIMIT + 64 * 1024


def test_a_body_announced_as_too_large_is_not_read():
    flood = Flood()
    assert flooded(flood, headers=ANNOUNCED) == (413, b"close")
    assert flood.read == 0


def test_the_largest_body():
    assert flooded(Flood(parts=160)) == (400, None)
    assert len(WebhookRequest.objects.get().body) == LIMIT


def test_a_stream_of_http_2_is_ended_by_the_server():
    assert flooded(Flood(), STRANGE, http_version="2") == (403, None)


asked = []


def only_the_secret(request, secret):
    asked.append(secret)
    if secret != SECRET:
        raise PermissionDenied
    return "asked"


class TestAnAuthenticatorOfTheProject:
    """It is called once, after the middleware, and so after the start of the body."""

    @pytest.fixture(autouse=True)
    def own(self, settings):
        asked.clear()
        ours = settings.PICKYASSIST_WEBHOOKS
        settings.PICKYASSIST_WEBHOOKS = ours | {"AUTHENTICATOR": f"{__name__}.only_the_secret"}

    def test_strangers(self):
        flood = Flood()
        assert flooded(flood, STRANGE) == (403, b"close")
        assert flood.read <= 1024 * 1024
        assert asked == ["wrong"]

    def test_the_rest_is_read_after_it_accepts(self):
        assert flooded(Flood(parts=160)) == (400, None)
        assert len(WebhookRequest.objects.get().body) == LIMIT
        assert asked == [SECRET]

    def test_the_limit(self):
        flood = Flood()
        assert flooded(flood) == (413, b"close")
        assert LIMIT < flood.read <= LIMIT + 64 * 1024

    def test_a_sender_that_hangs_up(self):
        messages = [body(b" " * 1024 * 1024, b"")[0], GONE]
        assert answers_of(finishing(get_asgi_application()), messages)[0]["status"] == 400
        assert len(WebhookRequest.objects.get().body) == 1024 * 1024


@pytest.mark.parametrize("form", [b"application/json", b"multipart/form-data; boundary=x"])
def test_a_middleware_reads_an_empty_body_without_a_limit(form, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    settings.MIDDLEWARE = [f"{__name__}.curious", *settings.MIDDLEWARE]
    length = (b"content-length", str(len(BODY)).encode())
    headers = [(b"host", b"localhost"), (b"content-type", form), length]
    answers = answers_of(finishing(get_asgi_application()), body(BODY), headers=headers)
    assert answers[0]["status"] == 200
    assert bytes(WebhookRequest.objects.get().body) == BODY


def curious(get_response):
    def middleware(request):
        assert not request.POST
        assert not request.body
        return get_response(request)

    return middleware


@pytest.mark.parametrize(
    ("scope", "path"),
    [({}, "/elsewhere/"), ({}, "/admin/login/"), ({"type": "websocket"}, PATH)],
    ids=str,
)
def test_other_requests_pass_unchanged(scope, path):
    """Other requests are still told that their sender has hung up."""
    heard = []

    async def application(scope, receive, send):
        heard.extend([await receive() for _ in range(2)])

    answers_of(finishing(application), [*body(BODY), GONE], path, **scope)
    assert heard[-1] == GONE
