"""Receivers that raised: their records in the log, and their exceptions in the table."""

from __future__ import annotations

import html
import logging
import re
import sys
import traceback
from datetime import timedelta
from importlib import import_module

import pytest
from django.contrib.admin import site
from django.core import mail
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.log import AdminEmailHandler

from pickyassist_webhooks.admin.labels import duration, to_the_second
from pickyassist_webhooks.exceptions import PickyAssistError
from pickyassist_webhooks.models import ReceiverFailure, WebhookRequest
from pickyassist_webhooks.redaction import HideSecrets
from pickyassist_webhooks.redaction.errors import class_of, impersonal
from tests.pages import Page
from tests.requests import SECRET, delivery, keep, post, row

APP = "pickyassist_webhooks"
LOGGER = f"{APP}.inbox.calling"
NUMBER = "15550001111"


def raise_from_another():
    text = f"text of {NUMBER}"
    try:
        raise KeyError(text)
    except KeyError as err:
        raise ValueError(text, SECRET) from err


def receiver(event, **named):
    secretive = event.number  # a local variable with a number
    assert secretive
    raise_from_another()


def caught(run):
    try:
        run()
    except BaseException as err:
        return err
    raise AssertionError("it did not raise")


@pytest.fixture
def record(listen, caplog):
    """Return the record of a receiver that raised."""
    listen("delivery_received", receiver)
    post(delivery())
    [record] = [each for each in caplog.records if each.name == LOGGER]
    return record


@pytest.mark.django_db(transaction=True)
class TestRecord:
    def test_has_a_template_of_the_receiver(self, record):
        assert record.msg.startswith(f"Receiver {__name__}.receiver of %s raised %s%s;")
        assert record.args[:2] == ("delivery_received", "ValueError")

    def test_a_percent_sign_in_a_name(self, listen, caplog):
        def odd(**named):
            raise ValueError

        odd.__qualname__ = "100%s"
        listen("delivery_received", odd)
        post(delivery())
        assert f"Receiver {__name__}.100%s of delivery_received raised ValueError" in caplog.text

    def test_has_the_lines_of_the_error_and_its_cause(self, record):
        text = logging.Formatter().format(record)
        assert "in receiver\n    raise_from_another()" in text
        assert "in raise_from_another\n    raise ValueError(text, SECRET) from err" in text
        assert "KeyError: <not logged; the admin shows it>" in text
        assert "The above exception was the direct cause" in text
        assert text.endswith("ValueError: <not logged; the admin shows it>")

    def test_has_no_value(self, record):
        kind, error, lines = record.exc_info
        assert kind.__name__ == "ValueError"
        assert (error.args, error.__cause__.args) == ((), ())
        for each in (lines, error.__cause__.__traceback__):
            frames = [frame for frame, _line in traceback.walk_tb(each)]
            assert frames
            for frame in frames:
                assert frame.f_locals == {}
                assert NUMBER not in repr(frame.f_globals)
        assert NUMBER not in logging.Formatter().format(record)

    @pytest.mark.usefixtures("admins")
    def test_passes_the_filter_and_is_mailed(self, record):
        assert HideSecrets().filter(record)
        AdminEmailHandler(include_html=True).emit(record)
        [mailed] = mail.outbox
        [(html, _type)] = mailed.alternatives
        assert f"Receiver {__name__}.receiver of" in mailed.subject
        for text in (mailed.body, html):
            assert "raise_from_another" in text
            assert NUMBER not in text
            assert SECRET not in text


class TestImpersonal:
    def test_the_class_keeps_its_name(self):
        kind, error, _lines = impersonal(caught(lambda: import_module("tests.raises")))
        assert (kind.__name__, kind.__module__) == ("ZeroDivisionError", "builtins")
        assert str(error) == "<not logged; the admin shows it>"

    def test_a_context(self):
        def fail():
            try:
                {}["x"]
            finally:
                raise ValueError

        _kind, error, _lines = impersonal(caught(fail))
        assert type(error.__context__).__name__ == "KeyError"

    def test_a_context_that_is_hidden(self):
        def fail():
            try:
                {}["x"]
            except KeyError:
                raise ValueError from None

        _kind, error, _lines = impersonal(caught(fail))
        assert error.__context__ is None
        assert error.__suppress_context__

    def test_without_lines(self):
        assert impersonal(ValueError())[2] is None

    def test_a_cycle_of_causes(self):
        error = ValueError()
        error.__cause__ = TypeError()
        error.__cause__.__cause__ = error
        assert impersonal(error)

    def test_endless_recursion(self):
        def fail():
            fail()

        lines = impersonal(caught(fail))[2]
        assert len(list(traceback.walk_tb(lines))) == 100

    def test_an_exception_that_cannot_be_read(self):
        class Odd(Exception):
            @property
            def __cause__(self):
                raise SystemExit

        assert impersonal(Odd()) is None

    def test_the_qualified_name_of_a_function(self):
        lines = impersonal(caught(self.fail))[2]
        frame = [frame for frame, _line in traceback.walk_tb(lines)][-1]
        assert frame.f_code.co_name == "fail"
        if sys.version_info >= (3, 11):
            assert frame.f_code.co_qualname == "TestImpersonal.fail"

    def fail(self):
        raise ValueError


def test_classes_are_named_as_in_tracebacks():
    assert class_of(ValueError()) == "ValueError"
    assert class_of(PickyAssistError()) == f"{APP}.exceptions.PickyAssistError"
    long = type("x" * 300, (Exception,), {})
    assert len(class_of(long())) == 255


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("at_once", [1, 900])
def test_failures_of_before_get_their_exceptions_by_the_migration(at_once, monkeypatch, listen):
    migration = import_module(f"{APP}.migrations.0020_fill_exceptions")
    monkeypatch.setattr(migration, "BATCH", at_once)
    listen("delivery_received", receiver)
    post(delivery(row("1"), row("2")))
    lines = {"ValueError": f"text: of {NUMBER}\nKeyError: no class", "LookupError": "", "": "The x"}
    failure = ReceiverFailure.objects.first()
    for name, text in lines.items():
        error = f"{name}: {text}" if name else text
        ReceiverFailure.objects.create(
            request=failure.request, failed_at=failure.failed_at, error=error, exception=name
        )
    expected = list(ReceiverFailure.objects.order_by("pk").values_list("exception", flat=True))
    assert expected == ["ValueError", "ValueError", "ValueError", "LookupError", ""]
    MigrationExecutor(connection).migrate([(APP, "0017_secret_labels")])
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())
    filled = ReceiverFailure.objects.order_by("pk").values_list("exception", flat=True)
    assert list(filled) == expected


def test_frames_that_no_migration_can_read():
    migration = import_module(f"{APP}.migrations.0020_fill_exceptions")
    error = 'Traceback\n  File "x.py", line 1, in f\n    f()\nshop.errors.Full: a\n'
    assert migration.class_in(error) == "shop.errors.Full"
    assert migration.class_in(error.partition("shop")[0]) == ""


def listed(**query):
    where = reverse(f"admin:{APP}_receiverfailure_changelist")
    return f"{where}?{urlencode(query)}" if query else where


@pytest.fixture
def failures(listen):
    """Two receivers that raise: one two classes of exceptions, for three messages."""

    def first(event, **named):
        raise ValueError if event.msg_id == "1" else KeyError

    def second(**named):
        raise KeyError

    listen("delivery_received", first)
    listen("delivery_received", second)
    post(delivery(row("1"), row("2"), row("3")))
    return f"{first.__module__}.{first.__qualname__}", f"{second.__module__}.{second.__qualname__}"


#: A row of the table above the list of failures.
GROUP = re.compile(
    r'<th scope="row"><a href="(?P<url>[^"]+)"(?P<chosen> aria-current="true")?>'
    r"(?P<exception>.+?)</a>"
    r".+?>(?P<receiver>[^<]+)</span></td>.+?>(?P<count>\d+)</td>.+?>(?P<retried>\d+)</td>"
    r'.+?<a href="(?P<newest_url>[^"]+)">'
)


def groups_of(page):
    """Return the rows of the table above the list."""
    lines = page.content.decode().replace("<wbr>", "").splitlines()
    matches = filter(None, map(GROUP.search, lines))
    return [
        {name: html.unescape(text or "") for name, text in match.groupdict().items()}
        for match in matches
    ]


@pytest.mark.django_db(transaction=True)
class TestList:
    def test_is_grouped_by_exception_with_counts(self, failures, root):
        ReceiverFailure.objects.filter(exception="ValueError").update(exception="", due_at=None)
        groups = groups_of(root.get(listed()))
        names = ("exception", "receiver", "count", "retried", "chosen")
        assert [tuple(group[name] for name in names) for group in groups] == [
            ("KeyError", failures[1], "3", "3", ""),
            ("KeyError", failures[0], "2", "2", ""),
            ("the worker crashed", failures[0], "1", "0", ""),
        ]

    def test_each_group_leads_to_its_failures_and_the_newest_traceback(self, failures, root):
        for group in groups_of(root.get(listed())):
            page = root.get(group["url"])
            assert str(page.context["cl"].result_count) == group["count"]
            assert [bool(each["chosen"]) for each in groups_of(page)].count(True) == 1
            traceback_page = root.get(group["newest_url"]).content.decode()
            assert f"{group['exception']}</" in traceback_page
            assert "Traceback (most recent call last)" in traceback_page

    def test_tells_since_when_each_fails(self, failures, root):
        """Not since the last attempt, which is the moment of a failure."""
        stored_at = timezone.now() - timedelta(hours=3)
        WebhookRequest.objects.update(processed_at=stored_at)
        post(delivery(row("4")))
        ReceiverFailure.objects.filter(request=WebhookRequest.objects.earliest("pk")).update(
            failed_at=timezone.now() + timedelta(hours=1)
        )
        page = root.get(listed()).content.decode()
        assert page.count(to_the_second(stored_at)) == len(groups_of(root.get(listed()))) == 3

    def test_an_exception_that_is_gone(self, failures, root):
        page = root.get(listed(exception="OSError x"))
        assert page.context["cl"].result_count == 0

    def test_costs_few_queries(self, failures, root, django_assert_max_num_queries):
        with django_assert_max_num_queries(10):
            root.get(listed())

    def test_the_question_before_deleting_costs_few_queries(
        self, failures, root, django_assert_max_num_queries
    ):
        WebhookRequest.objects.update(state="dead")
        chosen = list(ReceiverFailure.objects.values_list("pk", flat=True))
        with django_assert_max_num_queries(10):
            page = root.post(listed(), {"action": "delete_selected", "_selected_action": chosen})
        assert len(chosen) == 6
        assert "Receiver failures: 6" in Page(page).text

    def test_the_question_before_deleting_requests_costs_few_queries(
        self, failures, root, django_assert_max_num_queries
    ):
        WebhookRequest.objects.update(state="dead")
        post(delivery(row("4"), row("5")))
        WebhookRequest.objects.update(state="dead")
        requests = list(WebhookRequest.objects.values_list("pk", flat=True))
        page = reverse("admin:pickyassist_webhooks_webhookrequest_changelist")
        chosen = {"action": "delete_selected", "_selected_action": requests}
        with django_assert_max_num_queries(12):
            answer = Page(root.post(page, chosen))
        assert "Receiver failures: 10" in answer.text
        delete = reverse("admin:pickyassist_webhooks_webhookrequest_delete", args=requests[:1])
        with django_assert_max_num_queries(12):
            root.get(delete)

    def test_without_failures(self, root):
        assert "pickyassist-exceptions" not in root.get(listed()).content.decode()

    def test_who_may(self, client, login):
        assert login("view_webhookrequest").get(listed()).status_code == 403
        assert client.get(listed()).status_code == 302

    def test_the_overview_leads_to_all_failures_of_a_receiver(self, failures, root, monkeypatch):
        monkeypatch.setattr("pickyassist_webhooks.admin.lists.MAX_MATCHES", 2)
        overview = Page(root.get("/admin/pickyassist_webhooks/"))
        links = [link for link in overview.links if "receiverfailure/?receiver=" in link]
        counts = {link: root.get(link).context["cl"].result_count for link in links}
        assert list(counts.values()) == [3, 3]

    def test_the_failures_of_yesterday(self, failures, root):
        yesterday = timezone.now() - timedelta(days=1)
        ReceiverFailure.objects.filter(exception="ValueError").update(failed_at=yesterday)
        page = root.get(listed())
        [link] = [
            choice["query_string"]
            for spec in page.context["cl"].filter_specs
            for choice in spec.choices(page.context["cl"])
            if str(choice["display"]) == "Yesterday"
        ]
        assert root.get(listed() + link).context["cl"].result_count == 1
        assert page.context["cl"].result_list[0].exception == "KeyError"

    @pytest.mark.parametrize(
        "wanted", [{"exception": "KeyError", "receiver": "x"}, {"receiver": "x"}]
    )
    def test_a_filter_uses_an_index_of_receivers(self, failures, wanted):
        rows = ReceiverFailure.objects.filter(**wanted).order_by("-failed_at", "-pk")[:50]
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("SET enable_seqscan = off")
        try:
            assert re.search("pickyassist_failure_(class|receiver)", rows.explain())
        finally:
            connection.close()  # these settings are of the session

    @pytest.mark.parametrize(
        ("action", "permission", "state"),
        [
            ("call_receivers_again", "retry_webhookrequest", "done"),
            ("discard_selected", "discard_webhookrequest", "discarded"),
        ],
    )
    def test_actions_on_the_requests_of_a_group(self, action, permission, state, login, listen):
        def receiver(**named):
            if receiver.is_broken:
                raise ValueError

        receiver.is_broken = True
        listen("delivery_received", receiver)
        for number in range(3):
            post(delivery(row(str(number)), row(f"{number}b")))
        receiver.is_broken = False
        client = login("view_receiverfailure", permission)
        [group] = groups_of(client.get(listed()))
        chosen = {"action": action, "select_across": "1", "reason": "a test"}
        chosen["_selected_action"] = [ReceiverFailure.objects.first().pk]
        asked = client.post(group["url"], chosen | {"reason": ""})
        assert asked.context["count"] == 3
        answered = chosen | {"last": asked.context["last"]}
        client.post(group["url"], answered, follow=True)
        assert {each.state for each in WebhookRequest.objects.all()} == {state}
        assert not ReceiverFailure.objects.exists()


@pytest.mark.django_db(transaction=True)
class TestDiagnosis:
    def page(self, client, **which):
        request = WebhookRequest.objects.get(**which)
        where = reverse(f"admin:{APP}_webhookrequest_change", args=[request.pk])
        return client.get(where)

    def test_from_dead_requests_to_the_traceback_in_two_clicks(self, settings, listen, root):
        settings.PICKYASSIST_WEBHOOKS = {**settings.PICKYASSIST_WEBHOOKS, "MAX_ATTEMPTS": 1}
        listen("delivery_received", receiver)
        post(delivery())
        dead = Page(
            root.get(reverse(f"admin:{APP}_webhookrequest_changelist"), {"state__exact": "dead"})
        )
        [request] = [link for link in dead.links if "/change/" in link]
        page = Page(root.get(request))
        assert "All attempts are used up" in page.source
        beginning = page.source.partition('id="content-main"')[0]
        assert "ValueError: (&#x27;text of 15550001111" in beginning
        assert "Call failed receivers again" in beginning
        [failure] = [link for link in page.links if re.search("receiverfailure/.*/change/", link)]
        assert "raise_from_another" in Page(root.get(failure)).source

    def test_which_receivers_and_when_they_are_called_again(self, failures, root):
        page = self.page(root)
        diagnosis = page.context["diagnosis"]
        assert [each["error"] for each in diagnosis["failures"]] == ["KeyError"] * 3
        assert "Receiver failures: 6" in diagnosis["more"]
        assert diagnosis["next"].startswith("The next attempt is at ")
        assert "1 attempt; next call due at" in page.content.decode()

    def test_without_personal_data(self, listen, login):
        listen("delivery_received", receiver)
        post(delivery())
        page = self.page(login("view_webhookrequest", "view_receiverfailure"))
        assert page.context["diagnosis"]["failures"][0]["error"] == "ValueError"
        assert NUMBER not in page.content.decode()

    @pytest.mark.parametrize("text", ["x" * 2000, "a\nb\nx", "x\n"])
    def test_an_error_whose_last_line_does_not_name_it(self, text, listen, root):
        def full(**named):
            raise OSError(text)

        listen("delivery_received", full)
        post(delivery())
        [shown] = self.page(root).context["diagnosis"]["failures"]
        assert shown["error"].startswith("OSError: x")
        assert "OSError: x" in root.get(listed()).content.decode().partition("result_list")[2]

    def test_a_crash_has_no_exception_to_name(self, failures, root):
        ReceiverFailure.objects.update(exception="", error="gone")
        page = self.page(root)
        assert page.context["diagnosis"]["failures"][0]["error"] == "gone"

    def test_without_the_permission_for_failures(self, failures, login):
        assert self.page(login("view_webhookrequest")).context["diagnosis"]["failures"] == []

    def test_of_quarantine(self, root):
        post({"event_id": 99})
        page = self.page(root)
        assert page.context["diagnosis"]["next"].startswith("Nothing in it is valid")
        assert "unknown_event" in page.content.decode().partition('id="content-main"')[0]

    def test_a_request_that_is_done_has_none(self, root):
        post(delivery())
        page = self.page(root)
        assert page.context["diagnosis"] is None
        assert "pickyassist-diagnosis" not in page.content.decode()

    @pytest.mark.parametrize(
        ("columns", "sentence"),
        [
            ({}, "It waits for a worker."),
            ({"claimed_by": "x", "due_at": 60}, "A worker is processing it."),
            (
                {"attempts": 2, "due_at": -60},
                "The next attempt is due: the next run of ",
            ),
            ({"attempts": 2, "due_at": 60}, "The next attempt is at "),
            ({"state": "discarded"}, "It was discarded, so nothing more happens."),
            (
                {"state": "discarded", "erased_at": timezone.now()},
                "Its bytes are erased, so it cannot be processed again.",
            ),
            ({"state": "done", "problem_count": 1}, "Its valid events are stored."),
        ],
    )
    def test_what_happens_next(self, columns, sentence, root):
        request = keep(delivery())
        if "due_at" in columns:
            columns = columns | {"due_at": timezone.now() + timedelta(seconds=columns["due_at"])}
        WebhookRequest.objects.update(**columns)
        page = self.page(root, pk=request.pk)
        assert page.context["diagnosis"]["next"].startswith(sentence)

    @pytest.mark.parametrize(
        ("error", "shown", "masked"),
        [
            ("Traceback:\n  x\nOSError: no 15550001111\n", "OSError: no 15550001111", "OSError"),
            ("(15550001111)", "(15550001111)", "•••"),
            ("  x\nValueError: no\nAda_15550001111: x", "Ada_15550001111: x", "•••"),
        ],
    )
    def test_an_error_of_ours(self, error, shown, masked, login, root):
        keep(delivery())
        WebhookRequest.objects.update(attempts=1, error=error)
        assert self.page(root).context["diagnosis"]["error"] == shown
        client = login("view_webhookrequest")
        assert self.page(client).context["diagnosis"]["error"] == masked

    def test_empty_rows_are_left_out(self, root):
        post(delivery())
        page = self.page(root).content.decode()
        assert "field-finished_at" in page
        for name in ("erased_at", "problems_shown", "error", "project_id", "replays", "claimed_by"):
            assert f"field-{name}" not in page
        assert "Problems and errors" not in page

    def test_all_sections_without_a_row(self):
        names = [
            name
            for _title, names in site._registry[WebhookRequest].sections(None)
            for name in names
        ]
        assert {"erased_at", "problems_shown"} <= {*names}

    @pytest.mark.parametrize(
        ("seconds", "shown"),
        [
            *((0.0123, "12 ms"), (0.9996, "1.0 s"), (1.25, "1.2 s"), (59.97, "1 min 0 s")),
            *((75, "1 min 15 s"), (3700, "1 h 1 min")),
        ],
    )
    def test_times(self, seconds, shown):
        assert duration(seconds) == shown

    def test_how_long_it_took(self, listen, root):
        listen("delivery_received", lambda **named: None)
        post(delivery())
        WebhookRequest.objects.update(receiver_seconds={"shop.a": 0.5, "shop.b": 61.4})
        page = self.page(root).content.decode()
        assert "<div>shop.b: 1 min 1 s</div><div>shop.a: 500 ms</div>" in page
        assert re.search(r"field-duration_shown.*?\d+ ms", page, re.S)
