"""Receivers that raised: their records in the log, and their exceptions in the table."""

from __future__ import annotations

import logging
import sys
import traceback
from importlib import import_module

import pytest
from django.core import mail
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils.log import AdminEmailHandler

from pickyassist_webhooks.exceptions import PickyAssistError
from pickyassist_webhooks.models import ReceiverFailure
from pickyassist_webhooks.redaction import HideSecrets
from pickyassist_webhooks.redaction.errors import class_of, impersonal
from tests.requests import SECRET, delivery, post, row

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

    def test_passes_the_filter_and_is_mailed(self, record, settings):
        settings.ADMINS = [("Ann", "ann@shop.test")]
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
