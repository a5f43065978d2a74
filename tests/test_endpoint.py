"""The webhook view: who may call it, how it reads bodies, and how it answers."""

from __future__ import annotations

import hashlib
import io
import json
import logging
from urllib.parse import unquote

import pytest
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, connection, transaction
from django.test import Client, RequestFactory
from django.urls import include, path, reverse, set_script_prefix
from django.utils import translation

from pickyassist_webhooks import ingest, signals, views
from pickyassist_webhooks.conf.urls import webhook_path
from pickyassist_webhooks.inbox.sweep import sweep
from pickyassist_webhooks.models import DeliveryReport, ReceiverFailure, WebhookRequest
from pickyassist_webhooks.testing import chat_message, post_event
from tests.requests import SECRET, delivery, member, post, row, url

pytestmark = pytest.mark.django_db

BODY = json.dumps(delivery()).encode()
#: White space from a clipboard, a file and a word processor.
BLANKS = [
    "%20",
    "%0A",
    "%0D%0A",
    "%09",
    "%C2%A0",
    "%E2%80%8B",
    "%EF%BB%BF",
    "%E3%80%80",
    "%20%0A%20",
]


@pytest.fixture
def configure(settings):
    def configure(**keys):
        settings.PICKYASSIST_WEBHOOKS = {**settings.PICKYASSIST_WEBHOOKS, **keys}

    return configure


def kept():
    return WebhookRequest.objects.get()


class TestWhoCalls:
    @pytest.mark.parametrize(
        "path",
        [
            "events",
            "events/",
            "events//",
            "events/x/y/",
            "events/%0A/",
            "events/é/",
            "events/a%00b",
        ],
    )
    @pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
    def test_strangers_get_one_answer_and_write_no_row(self, path, method, caplog):
        response = Client().generic(method, f"/pickyassist/{path}", BODY)

        assert response.status_code == 403
        assert response.json() == {
            "ok": False,
            "error": "forbidden",
            "expected": "the webhook URL with its secret",
        }
        assert not WebhookRequest.objects.exists()
        assert [record.levelname for record in caplog.records] == ["WARNING"]

    def test_slash_at_the_end_is_optional(self):
        assert reverse("pickyassist_webhooks:events", args=["abc"]) == "/pickyassist/events/abc/"
        assert post(BODY, to=url().rstrip("/")).status_code == 200

    @pytest.mark.parametrize("secrets", [[], {}, "a", [""], None, [None], {"a": ""}])
    def test_without_a_valid_secret_every_request_is_refused(self, configure, secrets):
        configure(SECRETS=secrets)
        assert post(BODY, to=url("a")).status_code == 403
        assert post(BODY, to="/pickyassist/events/").status_code == 403

    def test_non_ascii_secret(self, configure):
        configure(SECRETS=["schlüssel"])
        assert post(BODY, to=url("schlüssel")).status_code == 200

    @pytest.mark.parametrize("end", BLANKS)
    def test_white_space_after_the_secret(self, end):
        bare = url().rstrip("/")
        for pasted in (f"{bare}{end}", f"{bare}{end}/", f"{bare}/{end}", f"{bare}{end}/{end}/"):
            assert post(BODY, to=pasted).status_code == 200
            assert post(BODY, to=f"{pasted}?a=1").status_code == 200
        assert WebhookRequest.objects.count() == 8

    @pytest.mark.parametrize("begin", BLANKS)
    def test_white_space_before_the_secret(self, begin):
        assert post(BODY, to=f"/pickyassist/events/{begin}{SECRET}/").status_code == 200
        assert post(BODY, to=f"/pickyassist/events/{begin}/{SECRET}").status_code == 200

    @pytest.mark.parametrize("blank", BLANKS)
    def test_white_space_is_no_secret(self, blank, configure):
        for end in (blank, f"{blank}/", f"{blank}/{blank}"):
            assert post(BODY, to=f"/pickyassist/events/{end}").status_code == 403
        middle = f"{SECRET[:9]}{blank}{SECRET[9:]}"
        assert post(BODY, to=f"/pickyassist/events/{middle}/").status_code == 403
        configure(SECRETS=[unquote(blank)])
        assert post(BODY, to=f"/pickyassist/events/{blank}/").status_code == 403

    @pytest.mark.parametrize("end", BLANKS)
    def test_white_space_after_a_configured_secret(self, end, configure):
        """A file ends in a newline, and a shell's ``echo`` writes one."""
        for secrets in ([f"{SECRET}{unquote(end)}"], {"new": f"{unquote(end)}{SECRET}"}):
            configure(SECRETS=secrets)
            assert post(BODY).status_code == 200
            assert post(BODY, to=f"{url()[:-1]}{end}").status_code == 200

    def test_an_authenticator_gets_the_secret_without_white_space(self, configure):
        configure(AUTHENTICATOR=f"{__name__}.only_tenant_seven")
        for end in ("seven%20", "seven/%0A", "%09seven%C2%A0/"):
            assert post(BODY, to=f"/pickyassist/events/{end}").status_code == 200

    def test_label_of_the_secret_is_kept(self, configure):
        configure(SECRETS={"old": "one", "new": "two"})
        post(BODY, to=url("two"))
        assert kept().secret_label == "new"

    @pytest.mark.parametrize("answer", [None, False, True, 7, "coroutine"])
    def test_an_authenticator_that_returns_no_label(self, configure, monkeypatch, answer):
        """Django's own authenticate() returns None, and an async function a coroutine."""

        async def asynchronous(request, secret):
            return "label"

        slip = asynchronous if answer == "coroutine" else lambda request, secret: answer
        monkeypatch.setattr("tests.test_endpoint.slip", slip, raising=False)
        configure(AUTHENTICATOR="tests.test_endpoint.slip")
        response = post(BODY)
        assert response.status_code == 503
        assert not WebhookRequest.objects.exists()

    @pytest.mark.parametrize(
        ("body", "headers", "code"),
        [(b"[]", {}, "not_an_object"), (BODY, {"content-encoding": "gzip"}, "content_encoding")],
    )
    def test_a_refusal_of_a_request_that_is_kept_is_logged(self, body, headers, code, caplog):
        assert post(body, **headers).status_code >= 400
        assert f"Quarantined request {kept().token}: {code}" in caplog.text

    def test_own_authenticator(self, configure):
        configure(AUTHENTICATOR=f"{__name__}.only_tenant_seven")
        assert post(BODY, to=url("seven")).status_code == 200
        assert post(BODY, to=url()).status_code == 403
        assert kept().secret_label == "tenant 7"

    @pytest.mark.parametrize("wrong", ["no.such.module", "nodots", 5])
    def test_an_authenticator_that_fails_to_import_lets_no_one_in(self, configure, wrong, caplog):
        configure(AUTHENTICATOR=wrong)
        assert post(BODY).status_code == 503
        assert not WebhookRequest.objects.exists()
        assert SECRET not in caplog.text


def only_tenant_seven(request, secret):
    if secret != "seven":
        raise PermissionDenied
    return "tenant 7"


class TestReading:
    @pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "OPTIONS"])
    def test_only_post(self, method):
        response = Client().generic(method, url(), BODY)
        assert (response.status_code, response["Allow"]) == (405, "POST")
        assert not WebhookRequest.objects.exists()

    def test_empty_body(self):
        response = post(b"")
        assert (response.status_code, response.json()["error"]) == (400, "empty")

    def test_the_limit_is_our_own(self, configure, settings):
        settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
        configure(MAX_BODY_BYTES=len(BODY))
        assert post(BODY).status_code == 200

    def test_one_byte_over_the_limit(self, configure, caplog):
        configure(MAX_BODY_BYTES=len(BODY) - 1)
        response = post(BODY)
        assert (response.status_code, response.json()["error"]) == (413, "too_large")
        assert not WebhookRequest.objects.exists()
        assert f"{len(BODY)} were announced" in caplog.text
        assert "127.0.0.1" in caplog.text

    def test_an_invalid_length(self):
        request = RequestFactory().post(url(), BODY, content_type="application/json")
        request.META["CONTENT_LENGTH"] = "9" * 5000
        assert views.receive(request, SECRET).status_code == 413

    def chunked(self, stream):
        """Return the answer to a body without a length, from a server that ends the stream."""
        request = RequestFactory().post(url(), content_type="application/json")
        del request.environ["CONTENT_LENGTH"]
        request.environ["wsgi.input"] = stream
        request.environ["wsgi.input_terminated"] = True
        return views.receive(request, SECRET)

    def test_chunked(self):
        assert self.chunked(io.BytesIO(BODY)).status_code == 200
        assert bytes(kept().body) == BODY

    def test_chunked_over_the_limit_is_not_read_to_its_end(self, configure):
        configure(MAX_BODY_BYTES=10)
        stream = io.BytesIO(BODY)
        assert self.chunked(stream).status_code == 413
        assert stream.tell() == 11

    def test_bytes_before_the_connection_broke_are_kept(self):
        class Broken(io.BytesIO):
            def read(self, size=-1):
                if self.tell() == len(self.getvalue()):
                    raise ConnectionResetError
                return super().read(size)

        response = self.chunked(Broken(BODY[:50]))
        assert response.status_code == 400
        assert bytes(kept().body) == BODY[:50]

    def test_a_middleware_that_read_the_body_first(self):
        request = RequestFactory().post(url(), BODY, content_type="application/json")
        assert request.body == BODY
        assert views.receive(request, SECRET).status_code == 200
        assert bytes(kept().body) == BODY

    def test_metadata_cannot_make_the_insert_fail(self):
        path = f"{url()}?a=%00&token={SECRET}&b=x%C3%A9&{SECRET}"
        header = {"content_type": "application/json; \x7f é" + "x" * 999, "X-Real-IP": "\x00"}
        assert post(BODY, to=path, **header).status_code == 200
        assert kept().query == "a=%00&***&b=x%C3%A9&***"
        assert kept().content_type.startswith("application/json; ? ")
        assert len(kept().content_type) == 255


class TestAnswers:
    def test_valid_payload(self):
        answer = post(delivery(row("1"), row("2"), row("2"))).json()
        assert answer == {
            "ok": True,
            "id": str(kept().token),
            "state": "done",
            "accepted": 2,
            "repeats": 1,
            "problems": 0,
        }

    def test_no_rows(self):
        answer = post(delivery() | {"data": []}).json()
        assert (answer["ok"], answer["state"], answer["accepted"]) == (True, "done", 0)

    def test_some_invalid_rows(self):
        answer = post(delivery(*[row(None, push_id=None)] * 30, row("1"))).json()
        assert answer["ok"] is True
        assert (answer["accepted"], answer["problems"]) == (1, 30)
        assert answer["errors"][19] == {"path": "data[19].msg_id", "code": "missing"}
        assert len(answer["errors"]) == 20

    def test_invalid_payload(self):
        response = post(delivery(row(status="x")))
        assert response.status_code == 200
        assert response.json()["ok"] is False
        assert response.json()["state"] == "quarantined"
        assert response.json()["errors"] == [{"path": "data[0].status", "code": "not_an_integer"}]

    @pytest.mark.parametrize("body", [b"[]", b'"text"', b"5", b"{", b"[" * 100000, b"hello"])
    def test_no_json_object(self, body):
        response = post(body)
        assert (response.status_code, response.json()["state"]) == (400, "quarantined")
        assert bytes(kept().body) == body

    def test_content_encoding(self):
        response = post(BODY, **{"Content-Encoding": "gzip"})
        assert (response.status_code, response.json()["state"]) == (415, "quarantined")
        assert kept().content_encoding == "gzip"
        assert not DeliveryReport.objects.exists()

    def test_longest_answer(self):
        fields = {"reference_number": "r" * 300}
        rows = [row("m" * 300, **fields)] * 2000
        assert len(post(delivery(*rows)).content) <= 4096
        assert kept().problem_count == 2000
        assert len(kept().problems) == 1000

    def test_left_to_a_worker(self, configure):
        configure(PROCESSOR="none")
        answer = post(b"not even JSON").json()
        assert answer == {"ok": True, "id": str(kept().token), "state": "received"}

    def test_own_processor(self, configure):
        configure(PROCESSOR=f"{__name__}.remember")
        remembered.clear()
        assert post(BODY).json()["state"] == "received"
        assert remembered == [kept().pk]

    def test_processor_that_raises(self, configure, caplog):
        configure(PROCESSOR="no.such.module")
        assert post(BODY).json()["state"] == "received"
        assert kept().state == "received"
        assert "(builtins.ModuleNotFoundError); pickyassist_process will process it" in caplog.text

    def test_other_projects_are_quarantined(self, configure):
        configure(PROJECT_IDS={"": [4200, "4300"]})
        answer = post(BODY).json()
        assert answer["errors"] == [{"path": "project_id", "code": "foreign_project"}]
        assert kept().kind == "delivery_report"
        chat_answer = post(chat_message(project_id=9)).json()
        assert chat_answer["errors"] == [{"path": "project-id", "code": "foreign_project"}]
        configure(PROJECT_IDS=[4100])
        assert post(BODY).json()["ok"] is True


remembered: list[int] = []


def remember(pk):
    remembered.append(pk)


@pytest.mark.django_db(transaction=True)
class TestFaults:
    def test_processing_that_raises(self):
        with connection.execute_wrapper(refuse("pickyassist_webhooks_message")):
            answer = post(BODY).json()
        assert answer == {"ok": True, "id": str(kept().token), "state": "received"}
        assert kept().state == "received"
        assert "refused by the test" in kept().error

    def test_database_that_refuses_the_row(self, caplog):
        with connection.execute_wrapper(refuse("pickyassist_webhooks_webhookrequest")):
            response = post(BODY)
        assert response.status_code == 503
        assert response["Retry-After"] == "60"
        [record] = caplog.records
        assert record.levelno == logging.CRITICAL
        assert hashlib.sha256(BODY).hexdigest() in record.getMessage()

    def test_a_connection_that_outlived_its_server(self):
        """The request is saved on a new one, because no one will send it again."""
        assert post(BODY).json()["accepted"] == 1
        connection.connection.close()  # under Django's feet
        answer = post(BODY)
        assert (answer.status_code, answer.json()["repeats"]) == (200, 1)

    def test_a_commit_without_an_answer(self):
        """The row was written, but the database's answer was lost: it is not written again."""

        def lose_the_answer(execute, sql, *rest):
            result = execute(sql, *rest)
            if "INSERT" in sql and "webhookrequest" in sql and not lost:
                lost.append(sql)
                raise DatabaseError("the server closed the connection")
            return result

        lost = []
        with connection.execute_wrapper(lose_the_answer):
            answer = post(BODY)
        assert (answer.status_code, answer.json()["accepted"]) == (200, 1)
        assert WebhookRequest.objects.get().state == "done"

    def test_database_that_is_gone_after_the_row_is_committed(self):
        with connection.execute_wrapper(refuse("UPDATE", "SELECT")):
            answer = post(BODY).json()
        assert answer["state"] == "received"
        assert kept().state == "received"


def refuse(*parts):
    """Return a wrapper that makes the database refuse statements with one of these parts."""

    def wrapper(execute, sql, params, many, context):
        if any(part in sql for part in parts):
            raise DatabaseError("refused by the test")
        return execute(sql, params, many, context)

    return wrapper


@pytest.mark.django_db(transaction=True)
class TestSurroundings:
    def test_atomic_requests(self, monkeypatch):
        """The raw row survives all later failures."""
        monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
        assert post(BODY).json()["state"] == "done"
        with connection.execute_wrapper(refuse("pickyassist_webhooks_message")):
            post(member(action=2))
            post(delivery(row("7")))
        assert WebhookRequest.objects.count() == 3

    def test_inside_a_transaction_the_answer_is_503(self, caplog):
        with transaction.atomic():
            response = post(BODY)
        assert response.status_code == 503
        assert not WebhookRequest.objects.exists()
        assert "RuntimeError" in caplog.text

    def test_csrf_checks(self):
        client = Client(enforce_csrf_checks=True)
        response = client.post(url(), BODY, content_type="application/json")
        assert response.status_code == 200

    def test_login_required_middleware(self, settings):
        login = "django.contrib.auth.middleware.LoginRequiredMiddleware"
        settings.MIDDLEWARE = [*settings.MIDDLEWARE, login]
        assert post(BODY).status_code == 200
        assert post(BODY, to="/pickyassist/events/").status_code == 403

    @pytest.mark.parametrize("append", [True, False])
    def test_append_slash(self, settings, append):
        settings.APPEND_SLASH = append
        assert post(BODY, to=url().rstrip("/")).status_code == 200
        assert post(BODY, to="/pickyassist/events").status_code == 403

    @pytest.mark.parametrize(
        ("default", "path"),
        # The second is the default of a new project; its URLs begin with /en/.
        [("en", "en"), ("en-us", "en"), ("de-at", "de"), ("en-gb", "en-gb")],
    )
    def test_i18n_patterns(self, default, path, settings):
        settings.LANGUAGE_CODE = default
        settings.ROOT_URLCONF = "tests.urls_translated"
        settings.MIDDLEWARE = ["django.middleware.locale.LocaleMiddleware", *settings.MIDDLEWARE]
        with translation.override("pt-br"):
            of_default = webhook_path(SECRET)
        assert of_default == f"/{path}/pickyassist/events/{SECRET}/"
        assert post(BODY, to=of_default).status_code == 200
        assert post(BODY, to=of_default.replace(path, "es", 1)).status_code == 200

    @pytest.mark.parametrize("is_default_prefixed", [True, False])
    @pytest.mark.parametrize("has_middleware", [True, False])
    def test_i18n_patterns_of_each_kind(self, is_default_prefixed, has_middleware, settings):
        settings.LANGUAGE_CODE = "en-us"
        settings.ROOT_URLCONF = f"tests.urls_translated{'' if is_default_prefixed else '_but_one'}"
        if has_middleware:
            locale = "django.middleware.locale.LocaleMiddleware"
            settings.MIDDLEWARE = [locale, *settings.MIDDLEWARE]
        assert post(BODY, to=webhook_path(SECRET)).status_code == 200
        assert post_event(Client(), BODY).status_code == 200

    def test_script_prefix(self):
        set_script_prefix("/shop/")
        try:
            assert url().startswith("/shop/pickyassist/")
            response = Client().generic("POST", "/pickyassist/" + url()[18:], BODY)
        finally:
            set_script_prefix("/")
        assert response.status_code == 200

    def test_included_below_a_path_with_arguments_of_its_own(self, settings):
        settings.ROOT_URLCONF = __name__
        assert post(BODY, to=f"/in/events/{SECRET}/").status_code == 200


urlpatterns = [path("in/", include("pickyassist_webhooks.urls"))]


class TestLocalTime:
    @pytest.fixture(autouse=True)
    def local(self, settings):
        settings.TIME_ZONE = "Asia/Kolkata"
        settings.USE_TZ = False

    def test_dates_are_local(self):
        from pickyassist_webhooks.models import NewSubscriber
        from tests.requests import subscriber

        assert post(subscriber(date="2020-05-29T10:31:06Z")).json()["accepted"] == 1
        assert NewSubscriber.objects.get().date.isoformat() == "2020-05-29T16:01:06"
        assert post(BODY).json()["state"] == "done"


@pytest.mark.django_db(databases=["default", "own"], transaction=True)
class TestOwnDatabase:
    @pytest.fixture(autouse=True)
    def routed(self, settings):
        settings.DATABASE_ROUTERS = [f"{__name__}.OwnDatabase"]

    def test_everything_happens_there(self, django_assert_num_queries):
        with django_assert_num_queries(0, connection=connection):
            assert post(delivery(row("1"), row("1", "3"))).json()["accepted"] == 2
            assert post(member()).json()["accepted"] == 1
            assert post(b"{").status_code == 400
        assert WebhookRequest.objects.using("own").count() == 3

    def test_receivers_that_fail_and_replays_too(self, django_assert_num_queries):
        failing = [True]

        def breaks(message, **named):
            if failing:
                raise ValueError(message.reports().get())

        signals.delivery_received.connect(breaks)
        try:
            with django_assert_num_queries(0, connection=connection):
                assert post(BODY).json()["state"] == "failing"
                requests = WebhookRequest.objects.using("own")
                calls = ReceiverFailure.objects.using("own")
                calls.update(due_at=requests.get().received_at)
                assert sweep() == {"failing": 1}
                calls.update(due_at=requests.get().received_at)
                failing.clear()
                assert sweep() == {"done": 1}
                assert ingest.replay(requests.get().pk).state == "done"
        finally:
            signals.delivery_received.disconnect(breaks)
        assert not ReceiverFailure.objects.using("own").exists()


class OwnDatabase:
    def db_for_read(self, model, **hints):
        # A replica that lags behind: the app must decide nothing from it.
        return "default" if model._meta.app_label == "pickyassist_webhooks" else None

    def db_for_write(self, model, **hints):
        return "own" if model._meta.app_label == "pickyassist_webhooks" else None

    def allow_relation(self, *objects, **hints):
        return True
