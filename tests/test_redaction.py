"""A canary: the secret enters in the URL, and every output is searched for it."""

from __future__ import annotations

import logging
import sys
from collections import OrderedDict
from io import StringIO
from logging.config import dictConfig
from types import MappingProxyType

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.core.signals import got_request_exception
from django.db import connection
from django.http import QueryDict
from django.http.request import HttpHeaders
from django.test import Client
from django.urls import reverse
from django.views.debug import ExceptionReporter

from pickyassist_webhooks.models import WebhookRequest
from pickyassist_webhooks.redaction.logs import HideSecrets
from tests.requests import delivery, member, post, row, url

CANARY = "canary-Hc3Jx0tYq7WvU2sPzN9k"
PATH = f"/pickyassist/events/{CANARY}/"

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def secret(settings):
    settings.PICKYASSIST_WEBHOOKS = {"SECRETS": {"canary": CANARY}}


@pytest.fixture
def answers(listen, settings, caplog):
    """Call the URL in every possible way, and return the answers."""
    caplog.set_level(logging.DEBUG)

    def broken(**named):
        raise ValueError("broken on purpose")

    listen("member_joined", broken)
    nearly = CANARY[:-1]
    ours = settings.PICKYASSIST_WEBHOOKS
    calls = [
        lambda: post(delivery(row("1"), row("2", "x")), to=PATH),
        lambda: post(member(), to=PATH),
        lambda: post(b"{", to=f"{PATH}?secret={CANARY}&a={CANARY}"),
        lambda: post({"event_id": 9}, to=PATH),
        lambda: post(member(), content_encoding="gzip", to=PATH),
        lambda: post(b"", to=PATH),
        lambda: post(member(), to=url(nearly)),
        lambda: post(member(), to=f"{PATH}more/"),
        lambda: post(member(), to=f"/pickyassist/evnts/{CANARY}/"),
        lambda: Client().get(PATH),
        lambda: post(b"x" * (10 * 1024 * 1024 + 1), to=PATH),
    ]
    answers = [call() for call in calls]
    settings.PICKYASSIST_WEBHOOKS = ours | {"AUTHENTICATOR": "tests.raises"}
    answers.append(post(member(), to=PATH))
    statuses = [answer.status_code for answer in answers]
    assert statuses == [200, 200, 400, 200, 415, 400, 403, 403, 404, 405, 413, 503]
    settings.PICKYASSIST_WEBHOOKS = ours
    return answers


def test_answers(answers):
    for answer in answers:
        assert CANARY[:-1].encode() not in answer.content + str(answer.headers).encode()


def test_logs(answers, caplog):
    records = caplog.get_records("setup")
    ours = [record for record in records if record.name.startswith("pickyassist_webhooks")]
    strangers = [record for record in ours if "wrong secret" in record.getMessage()]
    assert [record.levelname for record in strangers] == ["WARNING", "WARNING"]
    for record in ours:
        assert CANARY[:-1] not in logging.Formatter().format(record)
    # Django itself logs a path that is not ours; only the filter hides it.
    lines = [record.getMessage() for record in records if CANARY[:-1] in record.getMessage()]
    assert lines == [f"Not Found: /pickyassist/evnts/{CANARY}/"]


def test_rows(answers):
    assert WebhookRequest.objects.count() == 5
    assert set(WebhookRequest.objects.values_list("secret_label", flat=True)) == {"canary"}
    with connection.cursor() as cursor:
        for model in apps.get_app_config("pickyassist_webhooks").get_models():
            cursor.execute(f"SELECT * FROM {model._meta.db_table}")  # noqa: S608
            assert CANARY not in str(cursor.fetchall())


def test_admin_pages(answers):
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("admin"))
    seen = 0
    for model in apps.get_app_config("pickyassist_webhooks").get_models():
        view = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        if not admin.site.is_registered(model):
            continue
        pages = [reverse(f"{view}_changelist")]
        for pk in model._default_manager.values_list("pk", flat=True):
            pages += [reverse(f"{view}_{page}", args=[pk]) for page in ("change", "history")]
        for page in pages:
            answer = client.get(page)
            assert answer.status_code == 200
            assert CANARY not in answer.content.decode()
            seen += 1
    assert seen > 20


def fail_afterwards(get_response):
    def middleware(request):
        get_response(request)
        raise RuntimeError("a middleware of the project, on the way out")

    return middleware


@pytest.mark.parametrize("path", [PATH, url(CANARY[:-1]), f"{PATH}more/"])
def test_error_reports(path, settings):
    """Reports that Django mails to the admins, and shows in debug mode."""
    reports = []

    def report(request, **named):
        reporter = ExceptionReporter(request, *sys.exc_info())
        reports.extend([reporter.get_traceback_text(), reporter.get_traceback_html()])

    settings.MIDDLEWARE = [f"{__name__}.fail_afterwards", *settings.MIDDLEWARE]
    got_request_exception.connect(report)
    try:
        assert Client(raise_request_exception=False).post(path, member()).status_code == 500
    finally:
        got_request_exception.disconnect(report)
    assert len(reports) == 2
    for text in reports:
        assert "/pickyassist/events/***/" in text
        assert CANARY[:-1] not in text


class TestFilter:
    @pytest.fixture
    def log(self):
        """Return a logger whose handler has the filter, as in the docs, and its stream."""
        stream = StringIO()
        dictConfig(
            {
                "version": 1,
                "disable_existing_loggers": False,
                "filters": {"secrets": {"()": "pickyassist_webhooks.redaction.HideSecrets"}},
                "handlers": {
                    "stream": {
                        "class": "logging.StreamHandler",
                        "stream": stream,
                        "filters": ["secrets"],
                    }
                },
                "loggers": {"access": {"handlers": ["stream"], "level": "INFO"}},
            }
        )
        logger = logging.getLogger("access")
        yield logger, stream
        logger.handlers.clear()

    @pytest.mark.parametrize(
        ("message", "arguments", "expected"),
        [
            (f"Bad: {CANARY}!", (), "Bad: ***!"),
            ("%s - %s %d", ("1.2.3.4", f"POST {PATH}", 200), None),
            ('"%(r)s" %(s)s', ({"r": f"POST {PATH}?a=1 HTTP/1.1", "s": 200},), None),
            ("GET %s", (url("wrong-secret") + "?x",), "GET /pickyassist/events/***/?x"),
            ("%s", (ValueError(f"no {CANARY}"),), "no ***"),
            ("%r of %d", ({"a": 1}, 5), "{'a': 1} of 5"),
            ("/elsewhere/events/%s/", ("7",), "/elsewhere/events/7/"),
            # Paths that lead to no view: one with a language, and a mistyped one.
            ("%s", ("/de/x/events/wrong-of-16-letters-or-more/",), "/de/x/events/***/"),
            ("%(a)s", (MappingProxyType({"a": f"no {CANARY}"}),), "no ***"),
            ("%(user-agent)s", (HttpHeaders({"HTTP_USER_AGENT": "curl"}),), "curl"),
        ],
    )
    def test_hidden_texts(self, log, message, arguments, expected):
        logger, stream = log
        logger.info(message, *arguments)
        line = stream.getvalue().strip()
        assert CANARY not in line
        assert line == expected or (expected is None and "/pickyassist/events/***/" in line)

    def test_tokens(self, log, settings):
        logger, stream = log
        given = {**settings.PICKYASSIST_WEBHOOKS, "API_TOKENS": {"41": "a-token-of-the-api"}}
        settings.PICKYASSIST_WEBHOOKS = given
        logger.info("%s and %s", "a-token-of-the-api", CANARY)
        settings.PICKYASSIST_WEBHOOKS = given | {"API_TOKENS": "mysite.tokens.token_of"}
        logger.info("mysite.tokens.token_of and %s", CANARY)
        assert stream.getvalue() == "*** and ***\nmysite.tokens.token_of and ***\n"

    def test_names_that_only_gunicorn_has_values_for(self, log):
        class Atoms(dict):
            def __missing__(self, name):
                return "-"

        logger, stream = log
        atoms = Atoms(r=f"POST {PATH}")
        logger.info("%(r)s %(unknown)s", atoms)
        assert stream.getvalue() == "POST /pickyassist/events/***/ -\n"
        assert atoms["r"] == f"POST {PATH}"

    def test_tracebacks(self, log):
        logger, stream = log
        try:
            raise LookupError(f"nothing at {PATH}")
        except LookupError:
            logger.exception("failed")
        assert "LookupError: nothing at /pickyassist/events/***/" in stream.getvalue()

    def test_a_secret_that_begins_with_another(self, log, settings):
        settings.PICKYASSIST_WEBHOOKS = {"SECRETS": [CANARY[:10], CANARY]}
        logger, stream = log
        logger.info("%s", CANARY)
        assert stream.getvalue() == "***\n"

    def test_the_request_that_a_record_carries(self, rf):
        """Error mails and formatters of extra attributes use it."""
        request = rf.post(PATH, headers={"X-Original-URI": PATH})
        request.path = request.path_info = PATH
        record = logging.makeLogRecord({"msg": "failed", "request": request})
        assert HideSecrets().filter(record)
        assert CANARY not in f"{record.request!r} {record.request.META}"
        assert CANARY in f"{request!r} {request.META}"  # which is still in use
        other = rf.get("/elsewhere/")
        record = logging.makeLogRecord({"msg": "failed", "request": other})
        assert HideSecrets().filter(record)
        assert record.request is other

    def test_a_project_without_the_url(self, log, settings):
        settings.ROOT_URLCONF = "tests.accounts.models"
        logger, stream = log
        logger.info("%s", f"/pickyassist/events/wrong/ {CANARY}")
        assert stream.getvalue() == "/pickyassist/events/wrong/ ***\n"

    def test_no_secret_configured(self, settings):
        settings.PICKYASSIST_WEBHOOKS = {}
        record = logging.makeLogRecord({"msg": "as it is"})
        assert HideSecrets().filter(record)
        assert record.getMessage() == "as it is"

    def test_a_name_without_a_value(self):
        record = logging.makeLogRecord({"msg": "%(b)s", "args": MappingProxyType({"a": CANARY})})
        assert HideSecrets().filter(record)
        assert record.args == {"a": "***"}

    @pytest.mark.parametrize(
        "value",
        [
            OrderedDict(a=CANARY),
            {CANARY},
            {"a": {CANARY}},
            [frozenset([CANARY])],
            QueryDict(f"a={CANARY}"),
            ValueError(CANARY),
            bytearray(CANARY.encode()),
        ],
    )
    def test_additions_of_the_project(self, value):
        record = logging.makeLogRecord({"msg": "", "data": value})
        HideSecrets().filter(record)
        assert CANARY not in repr(record.data)

    def test_values_without_a_text_pass(self):
        class Odd:
            def __str__(self):
                raise RuntimeError

        odd = Odd()
        record = logging.makeLogRecord({"msg": "%s", "args": (odd, 1)})
        assert HideSecrets().filter(record)
        assert record.args == (odd, 1)


def test_a_view_under_a_path_of_the_projects_own(settings):
    settings.ROOT_URLCONF = "tests.urls_own_path"
    client = Client()
    answer = client.post(f"/hook/{CANARY}/", member(), content_type="application/json")
    assert answer.status_code == 200
    assert answer.wsgi_request.path == "/hook/***/"


@pytest.mark.parametrize("end", ["%20", "/%0A", "%C2%A0/", "%E2%80%8B"])
def test_white_space_after_the_secret(end, caplog):
    path = f"{PATH[:-1]}{end}"
    answer = Client().post(f"{path}?a={CANARY}", member(), headers={"X-Original-URI": path})
    assert answer.wsgi_request.path == "/pickyassist/events/***/"
    assert CANARY not in f"{answer.wsgi_request.META} {caplog.text}".replace(f"a={CANARY}", "")
    assert WebhookRequest.objects.get().query == "***"


def test_headers_with_the_path_of_a_proxy():
    answer = Client().post(PATH, member(), headers={"X-Original-URI": PATH}, QUERY_STRING="a=1")
    assert CANARY not in str(answer.wsgi_request.META)
    assert answer.wsgi_request.META["HTTP_X_ORIGINAL_URI"] == "/pickyassist/events/***/"


def test_a_middleware_before_the_view_in_a_mail_to_the_admins(settings):
    """If its handler has the filter, an error before the view does not show the secret."""
    seen = []

    class Mail(logging.Handler):
        def emit(self, record):
            reporter = ExceptionReporter(record.request, *record.exc_info, is_email=True)
            seen.append(reporter.get_traceback_text())  # as HTML it shows local variables, too

    settings.MIDDLEWARE = [f"{__name__}.fail_before", *settings.MIDDLEWARE]
    handler = Mail()
    handler.addFilter(HideSecrets())
    logger = logging.getLogger("django.request")
    logger.addHandler(handler)
    try:
        assert Client(raise_request_exception=False).post(PATH, member()).status_code == 500
    finally:
        logger.removeHandler(handler)
    [text] = seen
    assert "/pickyassist/events/***/" in text
    assert CANARY not in text


def fail_before(get_response):
    def middleware(request):
        raise RuntimeError("a middleware of the project, on the way in")

    return middleware
