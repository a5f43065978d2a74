"""A body is kept even if a middleware read it first, or the log says why it is lost."""

from __future__ import annotations

import io
import json
import logging
import sys
from types import ModuleType

import pytest
from django.core.exceptions import RequestDataTooBig
from django.core.handlers.asgi import ASGIRequest
from django.http.multipartparser import MultiPartParserError
from django.test import Client, RequestFactory

from pickyassist_webhooks import views
from pickyassist_webhooks.models import WebhookRequest
from tests.requests import SECRET, delivery, post, url

pytestmark = pytest.mark.django_db

BODY = json.dumps(delivery()).encode()
FORM = b"project_id=4100&event_id=3&action=1&group_id=A&number=15550001111"
BOUNDARY = "frontier"
MULTIPART = (
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="event_id"\r\n\r\n'
    f"3\r\n--{BOUNDARY}--\r\n"
).encode()
AS_MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"


def kept():
    return bytes(WebhookRequest.objects.get().body)


def logged_error(caplog):
    """Return the only error in the log, which names no secret."""
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.name == "pickyassist_webhooks.views"
    assert SECRET not in caplog.text
    assert "127.0.0.1" in record.getMessage()
    assert not WebhookRequest.objects.exists()
    return record.getMessage()


def under_wsgi(body, *, terminated=False, length=None, content_type="application/json", **meta):
    """Return a request as a server makes it, with its own length and end of the body."""
    request = RequestFactory().post(url(), body, content_type, **meta)
    if length is None:
        request.environ.pop("CONTENT_LENGTH", None)
    else:
        request.environ["CONTENT_LENGTH"] = str(length)
    request.environ["wsgi.input"] = io.BytesIO(body)
    if terminated:
        request.environ["wsgi.input_terminated"] = True
    return type(request)(request.environ)


def under_asgi(body, content_type="application/json", length=True):
    headers = [(b"content-type", content_type.encode())]
    if length:
        headers.append((b"content-length", str(len(body)).encode()))
    scope = {"type": "http", "method": "POST", "path": url(), "headers": headers}
    scope |= {"query_string": b"", "client": ("127.0.0.1", 5)}
    return ASGIRequest(scope, io.BytesIO(body))


def ask_for_body(request):
    return request.body


def ask_for_post(request):
    return request.POST


def ask_for_files(request):
    return request.FILES


def read_all(request):
    return request.read()


def read_some(request):
    return request.read(10)


READERS = [ask_for_body, ask_for_post, ask_for_files]


class TestAMiddlewareThatReadFirst:
    @pytest.mark.parametrize("read", READERS)
    @pytest.mark.parametrize(
        ("body", "content_type"),
        [(BODY, "application/json"), (FORM, "application/x-www-form-urlencoded")],
    )
    @pytest.mark.parametrize("make", [under_wsgi, under_asgi])
    def test_a_body_left_in_memory_is_kept(self, make, body, content_type, read):
        length = len(body)
        request = make(body, content_type=content_type, length=length)
        read(request)
        assert views.receive(request, SECRET).status_code == 200
        assert kept() == body

    @pytest.mark.parametrize("read", [*READERS, read_all, read_some])
    @pytest.mark.parametrize("length", [True, False])
    def test_under_asgi_all_is_still_there(self, read, length):
        request = under_asgi(MULTIPART, AS_MULTIPART, length)
        read(request)
        views.receive(request, SECRET)
        assert kept() == MULTIPART

    @pytest.mark.parametrize("length", [True, False])
    def test_a_middleware_that_caught_the_refusal_of_a_large_body(self, settings, length):
        settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
        requests = [under_asgi(BODY, length=length), under_wsgi(BODY, length=len(BODY))]
        for request in requests:
            with pytest.raises(RequestDataTooBig):
                request.body  # noqa: B018 - asking is reading
            assert views.receive(request, SECRET).status_code == 200
            assert kept() == BODY
            WebhookRequest.objects.all().delete()

    @pytest.mark.parametrize("read", READERS)
    def test_a_chunked_body_that_django_does_not_see(self, read):
        request = under_wsgi(BODY, terminated=True)
        read(request)
        assert views.receive(request, SECRET).status_code == 200
        assert kept() == BODY

    @pytest.mark.parametrize("read", [ask_for_post, ask_for_files, read_all])
    def test_a_stream_that_is_used_up_is_logged(self, read, caplog):
        request = under_wsgi(MULTIPART, length=len(MULTIPART), content_type=AS_MULTIPART)
        read(request)
        response = views.receive(request, SECRET)
        assert (response.status_code, json.loads(response.content)["error"]) == (400, "empty")
        assert "a middleware read the body before the view; exempt" in logged_error(caplog)

    def test_a_middleware_that_failed_to_parse_it(self, caplog):
        request = under_wsgi(b"nothing", length=7, content_type="multipart/form-data")
        with pytest.raises(MultiPartParserError):
            request.POST  # noqa: B018 - asking is reading
        assert views.receive(request, SECRET).status_code == 400
        assert kept() == b"nothing"

    def test_a_middleware_that_read_the_beginning(self, caplog):
        request = under_wsgi(BODY, length=len(BODY))
        assert read_some(request) == BODY[:10]
        assert views.receive(request, SECRET).status_code == 400
        assert kept() == BODY[10:]
        assert f"Kept an incomplete body: {len(BODY) - 10} bytes arrived of" in caplog.text
        assert "a middleware read the rest" in caplog.text

    def test_a_middleware_that_closed_it(self, caplog):
        request = under_asgi(BODY)
        request.close()
        request._stream.close()
        assert views.receive(request, SECRET).status_code == 400
        assert "the connection broke before the first byte (ValueError)" in logged_error(caplog)

    def test_in_a_project(self, settings):
        settings.MIDDLEWARE = [f"{__name__}.audit", *settings.MIDDLEWARE]
        assert post(BODY).status_code == 200
        assert kept() == BODY


def audit(get_response):
    def middleware(request):
        assert request.body
        return get_response(request)

    return middleware


class TestRefusals:
    """The sender does not read the answer, so a person must see it in the log."""

    def test_no_body(self, caplog):
        assert post(b"").status_code == 400
        assert "it has no body; look for a proxy" in logged_error(caplog)

    @pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "OPTIONS", "DELETE", "X" * 300])
    def test_no_post(self, method, caplog):
        assert Client().generic(method, url(), BODY).status_code == 405
        message = logged_error(caplog)
        assert f"its method is '{method[:15]}" in message
        assert len(message) < 200

    @pytest.mark.parametrize("coding", ["chunked", "gzip, Chunked"])
    def test_chunks_that_the_server_does_not_pass_on(self, coding, caplog):
        request = under_wsgi(BODY, HTTP_TRANSFER_ENCODING=coding)
        response = views.receive(request, SECRET)
        assert (response.status_code, json.loads(response.content)["error"]) == (400, "empty")
        assert "is chunked, and this server does not pass it on; put nginx" in logged_error(caplog)

    def test_chunks_without_a_byte(self, caplog):
        request = under_wsgi(b"", terminated=True, HTTP_TRANSFER_ENCODING="chunked")
        assert views.receive(request, SECRET).status_code == 400
        assert "it has no body" in logged_error(caplog)

    def test_a_length_without_a_body(self, caplog):
        assert views.receive(under_wsgi(b"", length=500), SECRET).status_code == 400
        assert "500 bytes were announced, none arrived" in logged_error(caplog)

    @pytest.mark.parametrize("length", [None, len(BODY)])
    def test_too_large(self, length, settings, caplog):
        settings.PICKYASSIST_WEBHOOKS = settings.PICKYASSIST_WEBHOOKS | {"MAX_BODY_BYTES": 10}
        request = under_wsgi(BODY, length=length, terminated=not length)
        assert views.receive(request, SECRET).status_code == 413
        assert "raise MAX_BODY_BYTES if Picky Assist sent it" in logged_error(caplog)

    def test_an_incomplete_body_is_kept_with_a_warning(self, caplog):
        request = under_wsgi(BODY[:50], length=len(BODY))
        assert views.receive(request, SECRET).status_code == 400
        assert kept() == BODY[:50]
        [warning] = [each for each in caplog.records if each.name == "pickyassist_webhooks.body"]
        assert warning.levelno == logging.WARNING
        assert f"50 bytes arrived of {len(BODY)}. Cause:" in warning.getMessage()

    @pytest.mark.parametrize("length", ["", "-5", "abc", "0x10", "5 5"])
    def test_an_invalid_length(self, length, caplog):
        request = under_wsgi(BODY, length=length)
        assert views.receive(request, SECRET).status_code == 400
        assert "it has no body" in logged_error(caplog)

    def test_strangers_are_a_warning(self, caplog):
        post(b"", to=url("wrong"))
        assert [record.levelno for record in caplog.records] == [logging.WARNING]


class TestUnderUwsgi:
    """Its ``wsgi.input`` ends at once; a module of its processes returns the chunks."""

    @pytest.fixture
    def chunks(self, monkeypatch):
        chunks = [BODY[:7], BODY[7:], b""]
        module = ModuleType("uwsgi")
        module.chunked_read = lambda: chunks.pop(0)
        monkeypatch.setitem(sys.modules, "uwsgi", module)
        return chunks

    def test_chunks(self, chunks):
        request = under_wsgi(b"", HTTP_TRANSFER_ENCODING="chunked")
        assert views.receive(request, SECRET).status_code == 200
        assert kept() == BODY

    def test_a_length(self, chunks):
        assert views.receive(under_wsgi(BODY, length=len(BODY)), SECRET).status_code == 200
        assert len(chunks) == 3

    def test_more_than_the_limit(self, chunks, settings):
        settings.PICKYASSIST_WEBHOOKS = settings.PICKYASSIST_WEBHOOKS | {"MAX_BODY_BYTES": 5}
        request = under_wsgi(b"", HTTP_TRANSFER_ENCODING="chunked")
        assert views.receive(request, SECRET).status_code == 413
        assert len(chunks) == 2

    def test_a_router_that_keeps_the_chunks(self, chunks, caplog):
        sys.modules["uwsgi"].chunked_read = ModuleType("uwsgi").__getattribute__
        request = under_wsgi(b"", HTTP_TRANSFER_ENCODING="chunked")
        assert views.receive(request, SECRET).status_code == 400
        assert "uWSGI with --http-chunked-input" in logged_error(caplog)
