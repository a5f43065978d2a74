"""Mails to the admins about other views: each part can hold the secret, and none shows it."""

from __future__ import annotations

import json
import logging
from urllib.parse import quote

import django
import pytest
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import AsyncClient, Client
from django.urls import include, path
from django.utils.log import AdminEmailHandler

from pickyassist_webhooks.redaction.logs import HideSecrets

CANARY = "canary-Hc3Jx0tYq7WvU2sPzN9k"
HOOK = f"https://shop.example/pickyassist/events/{CANARY}/"
PERCENT = "".join(f"%{ord(character):02x}" for character in CANARY)

logger = logging.getLogger("django.request")


def fails(request):
    raise RuntimeError("on purpose")


def fails_with_what_came(request):
    raw = request.body
    parsed = json.loads(raw or b"null")
    nested = {"padding": b"x" * 90 + raw, "within": [(parsed, raw.decode())]}
    raise RuntimeError(f"on purpose {len(nested)}")


def fails_with_the_form(request):
    form, files = request.POST, request.FILES
    raise RuntimeError(f"on purpose {len(form)} {len(files)}")


def fails_with_words(request):
    try:
        {}[HOOK]
    except KeyError as err:
        raise LookupError(f"nothing at {HOOK}") from err


def fails_because_of_words(request):
    try:
        {}[HOOK]
    except KeyError as err:
        err.add_note(HOOK) if hasattr(err, "add_note") else None
        raise LookupError("nothing there") from err


def goes_on(request):
    logger.error("first %s", HOOK, extra={"request": request, "next": [HOOK]})
    return HttpResponse(request.POST["url"] + request.body.decode())


urlpatterns = [
    path("pickyassist/", include("pickyassist_webhooks.urls")),
    path("boom/", fails),
    path("body/", fails_with_what_came),
    path("form/", fails_with_the_form),
    path("words/", fails_with_words),
    path("because/", fails_because_of_words),
    path("on/", goes_on),
]


@pytest.fixture(autouse=True)
def project(settings):
    settings.ROOT_URLCONF = __name__
    settings.PICKYASSIST_WEBHOOKS = {"SECRETS": {"canary": CANARY}}
    settings.WEBHOOK_AT = [HOOK]  # a project can have it in another setting, too
    settings.ADMINS = ["ann@shop.example"] if django.VERSION >= (6, 0) else [("Ann", "ann@x.y")]
    settings.MIDDLEWARE = []
    if django.VERSION >= (6, 1):
        settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}


@pytest.fixture(params=[False, True], ids=["text", "html"])
def mailed(request):
    """Mail errors as in the docs; return a function that returns the text of the only mail."""
    handler = AdminEmailHandler(include_html=request.param)
    handler.setLevel(logging.ERROR)
    handler.addFilter(HideSecrets())
    logger.addHandler(handler)
    logger.propagate = False  # to Django's own handler, which the docs replace

    def mailed():
        [sent] = mail.outbox
        text = f"{sent.subject}\n{sent.body}\n{getattr(sent, 'alternatives', '')}"
        assert bool(sent.alternatives) == request.param
        assert "RuntimeError" in text or "LookupError" in text or "first" in text
        for writing in (CANARY, PERCENT, CANARY[:18]):
            assert writing not in text
        return text

    yield mailed
    logger.propagate = True
    logger.removeHandler(handler)


def client():
    return Client(raise_request_exception=False)


QUERIES = [
    f"next={HOOK}",
    f"next={quote(HOOK, safe='')}",
    f"next={PERCENT}",
    f"a=1&next=x&next={CANARY}",
    f"{CANARY}=1",
    f"{CANARY}",
]


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_a_query(mailed, query, method):
    assert client().generic(method, f"/boom/?{query}").status_code == 500
    assert "***" in mailed()


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_under_asgi(mailed, query):
    from asgiref.sync import async_to_sync

    asynchronous = AsyncClient(raise_request_exception=False)
    assert async_to_sync(asynchronous.get)(f"/boom/?{query}").status_code == 500
    assert "***" in mailed()


@pytest.mark.parametrize("name", ["Referer", "X-Original-URI", "Cookie", "User-Agent", "X-Hook"])
def test_a_header(mailed, name):
    value = f"hook={HOOK}" if name == "Cookie" else HOOK
    assert client().get("/boom/", headers={name: value}).status_code == 500
    mailed()


@pytest.mark.parametrize("where", ["/boom/", "/form/"])
@pytest.mark.parametrize(
    "form",
    [{"url": HOOK}, {"a": ["1", CANARY]}, {CANARY: "1"}, {"file": CANARY.encode()}],
    ids=["field", "list", "name", "file"],
)
@pytest.mark.parametrize("encoded", [True, False], ids=["urlencoded", "multipart"])
def test_a_form(mailed, where, form, encoded):
    if "file" in form:
        form = {"file": SimpleUploadedFile(f"{CANARY}.txt", form["file"]), "url": HOOK}
    if encoded:
        body = "&".join(f"{name}={value}" for name, value in form.items())
        answer = client().post(where, body, "application/x-www-form-urlencoded")
    else:
        answer = client().post(where, form)
    assert answer.status_code == 500
    mailed()


@pytest.mark.parametrize("body", [{"url": HOOK}, {"a": [{"b": CANARY}]}, HOOK, {CANARY: 1}])
def test_a_json_body_that_the_view_holds_in_variables(mailed, body):
    body = json.dumps(body).encode()
    assert client().post("/body/", body, "application/json").status_code == 500
    mailed()


@pytest.mark.parametrize("where", ["/words/", "/because/"])
def test_the_text_of_an_exception(mailed, where):
    assert client().get(where).status_code == 500
    assert "LookupError" in mailed()


def test_a_path_of_another_view(mailed):
    logger.error("first", extra={"request": client().get(f"/boom/{CANARY}/").wsgi_request})
    mailed()


def test_an_unread_body_is_read(mailed):
    """Django's mail reads the form; the view continues with its own form."""
    answer = client().post("/on/", f"url={HOOK}", "application/x-www-form-urlencoded")
    assert answer.content.decode() == f"{HOOK}url={HOOK}"
    mailed()


class TestRecords:
    def filtered(self, **fields):
        record = logging.makeLogRecord({"msg": "failed", **fields})
        assert HideSecrets().filter(record)
        return record

    def test_a_body_is_not_read_for_a_record_that_does_not_show_it(self, rf):
        request = rf.post("/boom/", {"url": HOOK})
        record = self.filtered(request=request)
        assert record.request.path == "/boom/"
        assert request.read(5) == b"--BoU"

    def test_a_request_shown_in_part(self, rf):
        request = rf.post("/boom/?a=1", {"url": HOOK, "b": "2"}, headers={"X-Hook": HOOK})
        request.user = "ann"
        shown = self.filtered(request=request).request
        assert isinstance(shown, type(request))
        assert shown.GET["a"] == "1"
        assert shown.POST.dict() == {"url": HOOK.replace(CANARY, "***"), "b": "2"}
        assert shown.headers["X-Hook"] == HOOK.replace(CANARY, "***")
        assert shown.user == "ann"
        assert repr(shown) == "<WSGIRequest: POST '/boom/?a=1'>"
        assert request.POST["url"] == HOOK

    def test_a_body(self, rf):
        request = rf.post("/boom/", HOOK.encode(), "text/plain")
        assert CANARY.encode() not in self.filtered(request=request).request.body
        assert request.body == HOOK.encode()

    def test_a_request_that_cannot_be_copied(self, rf):
        class Odd(type(rf.get("/"))):
            def __reduce_ex__(self, protocol):
                raise TypeError("no copies")

        request = Odd(rf.post("/boom/", {"url": HOOK}).environ)
        assert self.filtered(request=request).request is None

    def test_attributes_that_a_project_adds_to_a_record(self):
        record = self.filtered(hook=HOOK, calls=[{"at": (HOOK, HOOK.encode())}, 7], count=5)
        assert CANARY not in repr(vars(record))
        assert (record.count, record.calls[1]) == (5, 7)

    def test_the_stack(self):
        assert CANARY not in self.filtered(stack_info=HOOK).stack_info

    def test_an_exception_without_a_secret_stays_itself(self):
        error = KeyError("elsewhere")
        error.__cause__ = ValueError("no secret")
        assert self.filtered(exc_info=(KeyError, error, None)).exc_info[1] is error

    def test_a_stand_in_keeps_all_else(self):
        with pytest.raises(LookupError) as caught:
            fails_because_of_words(None)
        kind, shown, traceback = self.filtered(exc_info=caught._excinfo).exc_info
        assert (kind.__name__, str(shown)) == ("LookupError", "nothing there")
        assert traceback is caught.tb
        assert shown.__suppress_context__
        assert type(shown.__cause__).__name__ == "KeyError"
        assert str(shown.__cause__) == repr(HOOK.replace(CANARY, "***"))
        assert CANARY in str(caught.value.__cause__)

    def test_a_cycle_of_exceptions(self):
        first, second = ValueError(HOOK), ValueError("second")
        first.__context__, second.__context__ = second, first
        record = self.filtered(exc_info=(ValueError, first, None))
        assert CANARY not in str(record.exc_info[1])

    def test_an_exception_without_a_text(self):
        class Mute(Exception):
            def __str__(self):
                raise RuntimeError

        error = Mute()
        error.__cause__ = ValueError(HOOK)
        assert str(self.filtered(exc_info=(Mute, error, None)).exc_info[1]) == "<not shown>"

    def test_a_variable_that_cannot_be_printed(self, mailed):
        deep = []
        for _ in range(100_000):
            deep = [deep]
        try:
            raise RuntimeError(len(deep))
        except RuntimeError:
            request = Client().get("/nowhere/").wsgi_request
            logger.exception("first", extra={"request": request})
        mailed()

    def test_secrets_that_need_to_be_escaped(self, settings):
        settings.PICKYASSIST_WEBHOOKS = {"SECRETS": ["schlüssel+/="]}
        text = json.dumps("schlüssel+/=") + quote("schlüssel+/=", safe="") + quote("schlüssel+/=")
        record = self.filtered(args=(text,), msg="%s", raw="schlüssel+/=".encode())
        assert record.getMessage() == '"***"******'
        assert record.raw == b"***"
