"""Erasing a number: everything of it goes, everything of others stays, and it is said."""

from __future__ import annotations

import gzip
import json
import logging
import zlib
from datetime import timedelta
from io import BytesIO, StringIO, TextIOWrapper

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.urls import reverse
from django.utils import timezone

from pickyassist_webhooks import ingest
from pickyassist_webhooks.admin import erasing
from pickyassist_webhooks.choices import RequestState
from pickyassist_webhooks.exceptions import BodyErased, UnreadableSpoolFile
from pickyassist_webhooks.inbox import spool
from pickyassist_webhooks.inbox.sweep import drain, sweep
from pickyassist_webhooks.models import (
    ChatMessage,
    DeliveryReport,
    FilterReport,
    GroupMemberEvent,
    Message,
    NewSubscriber,
    Push,
    ReceiverFailure,
    WebhookRequest,
)
from pickyassist_webhooks.privacy import chunks, erasure, mentions
from pickyassist_webhooks.privacy.erasure import Erasure
from pickyassist_webhooks.privacy.phone_numbers import Number
from pickyassist_webhooks.pushes import record_push
from pickyassist_webhooks.testing import push_answer
from tests.requests import chat, delivery, filtered, keep, member, post, row, subscriber, url

NUMBER = "15557654321"
OTHER = "15550001111"

pytestmark = pytest.mark.django_db(transaction=True)


def erase(*args, number=NUMBER, **options):
    output = StringIO()
    call_command("pickyassist_erase", number, "--by", "ada", *args, stdout=output, **options)
    return output.getvalue()


def said(*args, expected=0, **options):
    if not expected:
        return json.loads(erase("--json", *args, **options))
    output = StringIO()
    with pytest.raises(CommandError):
        call_command("pickyassist_erase", NUMBER, "--json", *args, stdout=output, **options)
    return json.loads(output.getvalue())


def everything():
    """Return all that the database holds of this app, as text."""
    with connection.cursor() as cursor:
        counts = []
        for model in apps.get_app_config("pickyassist_webhooks").get_models():
            cursor.execute(f"SELECT * FROM {model._meta.db_table}")  # noqa: S608
            counts += [
                bytes(value) if isinstance(value, memoryview) else value
                for each in cursor.fetchall()
                for value in each
            ]
    return str(counts)


def post_all(number):
    post(delivery(row("1" + number, number=number), row("2" + number, "3", number=number)))
    post(filtered(row("3" + number, number=number)))
    post(member(number=number))
    post(subscriber(subscriber_id="Z" + number[-3:], mobile=number))
    post(b'{"number": "%s", cut' % number.encode())


def test_all_of_one_number_and_nothing_of_another(caplog):
    post_all(OTHER)
    others = everything()
    post_all(NUMBER)
    assert NUMBER in everything()

    erased = said()["erased"]

    assert erased == {
        "DeliveryReport": 2,
        "FilterReport": 1,
        "GroupMemberEvent": 1,
        "Message": 2,
        "NewSubscriber": 1,
        "bodies": 5,
    }
    assert NUMBER not in everything()
    models = (DeliveryReport, FilterReport, GroupMemberEvent, NewSubscriber, Message)
    assert [model.objects.count() for model in models] == [2, 1, 1, 1, 2]
    kept = WebhookRequest.objects.filter(erased_at=None)
    assert kept.count() == 5
    assert str(kept.values_list("body", flat=True)[0]) in others or OTHER in others
    assert said()["found"] == {}
    [line] = [text for text in caplog.messages if text.startswith("Erased")][:1]
    assert line == (
        "Erased what was kept of number •••321 for 'ada': bodies: 5, delivery reports: 2, "
        "filter reports: 1, group member events: 1, new subscribers: 1, messages: 2"
    )


def test_a_request_says_that_it_was_erased():
    post(delivery(row(number=NUMBER), row("2", number=OTHER)))
    erase()
    request = WebhookRequest.objects.get()
    assert (bytes(request.body), request.state, request.event_count) == (b"", "done", 2)
    assert request.erased_at is not None
    assert [(each["by"], each["what"]) for each in request.history] == [("ada", "erased")]
    # The events of others in it are still there, without these bytes.
    assert DeliveryReport.objects.get().number == OTHER
    with pytest.raises(BodyErased):
        ingest.replay(request.pk)
    assert WebhookRequest.objects.get().state == "done"


def test_dry_run():
    post_all(NUMBER)
    before = everything()
    counts = said("--dry-run")
    assert counts["erased"] == {}
    assert counts["found"]["bodies"] == 5
    assert erase("--dry-run").startswith("Found for number •••321: ")
    assert everything() == before


@pytest.mark.parametrize(
    ("written", "equal", "within"),
    [
        (NUMBER, True, True),
        ("+15557654321", True, True),
        ("0015557654321", True, True),
        ("+1 (555) 765-4321", True, True),
        ("1.555.765.43.21", True, True),
        ("\u202a+1\u00a0555\u2011765\u20114321\u202c", True, True),
        ("१५५५७६५४३२१", True, True),
        ("15557654321@c.us", True, True),
        ("+1 (0)555 7654321", True, True),
        ("+1 0 555 7654321", False, False),
        ("whatsapp:+15557654321", True, True),
        ("15557654321 or 15550001111", False, True),
        ("1555765432a1", False, False),
        ("15557654321-1589012345@g.us", False, True),
        ("115557654321", False, False),
        ("155576543210", False, False),
        ("5557654321", False, False),
        ("1555 765432", False, False),
        ("", False, False),
    ],
)
def test_ways_to_write_a_number(written, equal, within):
    number = Number(NUMBER)
    assert number.equals(written) is equal
    assert number.is_in(written) is within
    assert Number("+1 555 765-4321").is_in(written) is within


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (json.dumps({"n": NUMBER}).encode("utf-16"), {}),
        (b'{"n": "\\u0031555765432\\u0031"}', {}),
        (b'{"data": "{\\"n\\": \\"\\\\u0031\\\\u00355576\\u00354321\\"}"}', {}),
        (b"n=%31555765432%31", {"content_type": "application/x-www-form-urlencoded"}),
        (b"n=%2B1+555+765+4321", {"content_type": "application/x-www-form-urlencoded"}),
        (b'{"n": 1.5557654321e10}', {}),
        (b'{"n": 15557654321.0}', {}),
        (b"\xff\xfe" + NUMBER.encode(), {}),
        (gzip.compress(NUMBER.encode(), mtime=0), {"content_encoding": "gzip"}),
        (NUMBER.encode(), {"content_encoding": "gzip"}),
    ],
)
def test_bodies_in_which_it_stands(body, headers):
    post(body, **headers)
    post(b"{}")
    assert said()["erased"]["bodies"] == 1
    first, second = WebhookRequest.objects.order_by("pk")
    assert (bytes(first.body), bytes(second.body)) == (b"", b"{}")
    assert (first.state, second.state) == ("discarded", "quarantined")


def test_an_output_without_the_letters():
    """A number must also be erased if the console cannot print its mask."""
    post(NUMBER.encode())
    output = TextIOWrapper(BytesIO(), "ascii")
    call_command("pickyassist_erase", NUMBER, stdout=output)
    output.seek(0)
    assert "\\u2022" in output.read()
    assert not WebhookRequest.objects.get().body


def test_an_operator_without_a_text_as_name():
    """A project's user can have a number instead of a name."""
    post(NUMBER.encode())
    assert Erasure(Number(NUMBER)).carry_out(15550009999)["bodies"] == 1
    assert WebhookRequest.objects.get().history[-1]["by"] == "15550009999"


def test_an_encoding_that_cannot_be_read(capsys):
    post(b"\x1b\x05", content_encoding="br")
    assert said("--dry-run")["found"] == {"encoded bodies": 1}
    errors = StringIO()
    erase(stderr=errors)
    assert "1 bodies have a Content-Encoding that cannot be read" in errors.getvalue()
    assert bytes(WebhookRequest.objects.get().body) == b"\x1b\x05"


def bare(data):
    """Deflate without a head, which many clients mean by that name."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("body", "encoding", "is_readable"),
    [
        (zlib.compress(NUMBER.encode()), "deflate", True),
        (bare(NUMBER.encode()), "deflate", True),
        (gzip.compress(b"0" * 11_000_000 + NUMBER.encode(), mtime=0), "gzip", False),
        (gzip.compress(b"first", mtime=0) + gzip.compress(NUMBER.encode(), mtime=0), "gzip", False),
        (gzip.compress(NUMBER.encode(), mtime=0)[:-12], "gzip", False),
        (b"no gzip", "gzip", False),
        (b"\xff\xff\xff", "gzip", False),
    ],
    ids=["zlib", "bare", "bomb", "two", "cut", "none", "neither"],
)
def test_packed_bodies(body, encoding, is_readable):
    """A body is found, or at least counted as unreadable."""
    post(body, content_encoding=encoding)
    counts = said("--dry-run")["found"]
    assert counts in ([{"bodies": 1}] if is_readable else [{"encoded bodies": 1}, {"bodies": 1}])


def test_a_packed_body_of_somebody_else():
    post(gzip.compress(OTHER.encode(), mtime=0), content_encoding="gzip")
    assert said("--dry-run")["found"] == {}


def test_escapes_within_a_form():
    post(b"payload=%7B%22n%22%3A%22%5Cu0031555765432%5Cu0031%22%7D", content_type="text/plain")
    assert said()["erased"]["bodies"] == 1


def test_rows_that_hold_it_elsewhere():
    post(subscriber(mobile={"n": [NUMBER]}, name="Ada"))
    post(subscriber(subscriber_id=NUMBER, mobile=""))
    post(delivery(row("7", number=[NUMBER]), row("8", number="", to=OTHER)))
    erased = said()["erased"]
    assert (erased["NewSubscriber"], erased["DeliveryReport"]) == (2, 1)
    assert NUMBER not in everything().replace("Erased", "")
    assert DeliveryReport.objects.get().msg_id == "8"


@pytest.mark.parametrize(
    "written", ["15557654321:12@s.whatsapp.net", "1 555 765 4321 ext 5", "15557654321,0"]
)
def test_rows_with_more_text_around_it(written):
    post(delivery(row("1", number=written, error_message=""), row("2", number=OTHER)))
    post(member(number=written))
    counts = said("--no-input")["erased"]
    assert (counts["DeliveryReport"], counts["GroupMemberEvent"], counts["Message"]) == (1, 1, 1)
    assert DeliveryReport.objects.get().number == Message.objects.get().number == OTHER


def test_a_number_in_the_query():
    post(b"{}", to=f"{url()}?to=%2B{NUMBER}")
    erase()
    assert NUMBER not in everything()


def test_rows_that_only_an_id_leads_to():
    post(delivery(row("1", "4", number=NUMBER)))
    post(delivery(row("1", "1", number="")))
    post(delivery(row("1", "1", number=""), project_id="another"))
    post(subscriber(mobile=NUMBER, date="2020-05-29T16:01:06+05:30"))
    post(subscriber(mobile="", name="Ada", date="2021-05-29T16:01:06+05:30"))
    erased = said()["erased"]
    assert (erased["DeliveryReport"], erased["NewSubscriber"]) == (2, 2)
    assert erased["bodies"] == 4
    assert DeliveryReport.objects.get().project_id == "another"


def test_an_id_does_not_lead_to_rows_of_other_numbers():
    post(subscriber(subscriber_id="Z9", mobile=NUMBER))
    post(subscriber(subscriber_id="Z9", mobile=OTHER, date="2021-05-29T16:01:06+05:30"))
    post(chat("1", number=NUMBER, messenger_id="0"))
    post(chat("2", number=OTHER, messenger_id="0"))
    erased = said()["erased"]
    assert (erased["NewSubscriber"], erased["ChatMessage"], erased["bodies"]) == (1, 1, 2)
    assert NewSubscriber.objects.get().number == ChatMessage.objects.get().number == OTHER


def test_rows_that_a_repeat_filled():
    post(subscriber(subscriber_id="Z1", mobile=""))
    post(subscriber(subscriber_id="Z1", mobile="", phone2=NUMBER))
    post(chat("1", number="", messenger_id="7"))
    post(chat("1", number="", messenger_id="7", phone2=NUMBER))
    erase()
    assert NUMBER not in everything()


@pytest.mark.parametrize("before", ["\u53f7", "\u2116", "\u2068", "\x10"])
def test_after_a_character_that_json_escapes(before):
    post(subscriber(subscriber_id="Z1", mobile="", phone2=before + NUMBER))
    post(chat("1", number=OTHER, contact=[{"phone": before + NUMBER}]))
    post(chat("2", number=OTHER, contact=[json.dumps({"phone": before + NUMBER})]))
    push = record_push(push_answer(), project_id="4100")
    Push.objects.filter(pk=push.pk).update(error=f"KeyError: {before + NUMBER!a}")
    counts = said()["erased"]
    assert (counts["NewSubscriber"], counts[erasure.MENTIONS], counts["Push"]) == (1, 2, 1)
    assert NUMBER not in everything()


def test_mentions_that_are_no_lists():
    post(chat("1", number=OTHER, group_mentions=f"{NUMBER} {OTHER}", note="kept"))
    post(chat("2", number=OTHER, contact=f"Bea {NUMBER}"))
    post(chat("3", number=OTHER, contact=[{"phone": OTHER}]) | {"Contact": [{"phone": NUMBER}]})
    post(chat("4", number=OTHER, contact=f"Bea {OTHER}"))
    assert said()["erased"][erasure.MENTIONS] == 3
    assert NUMBER not in everything()
    messages = {message.unique_id: message for message in ChatMessage.objects.all()}
    assert messages["1"].extra == {"note": "kept"}
    assert messages["3"].contacts == [{"phone": OTHER}]
    assert messages["4"].extra == {"contact": f"Bea {OTHER}"}


def test_a_message_with_the_number_in_its_id():
    post(delivery(row(f"true_{NUMBER}@c.us_3EB0", "4", number="")))
    assert said()["erased"]["Message"] == 1
    assert NUMBER not in everything()


def test_a_request_that_comes_meanwhile_goes_as_a_whole(monkeypatch):
    post(delivery(row("1", number=NUMBER)))
    carry_out = Erasure._erase

    def racing(self, *args):
        post(delivery(row("2", number=NUMBER), row("3", number=OTHER)))
        return carry_out(self, *args)

    monkeypatch.setattr(Erasure, "_erase", racing)
    assert said()["erased"]["bodies"] == 2
    assert NUMBER not in everything()
    assert DeliveryReport.objects.get().number == OTHER


def test_reports_of_a_message_whose_number_only_its_push_knows():
    record_push(push_answer({"msg_id": "1", "number": NUMBER}), project_id="4100")
    post(delivery(row("1", "2", number="", message="Dear Ada")))
    post(delivery(row("1", "2", number="", message="Dear Bob"), project_id="another"))
    erased = said()["erased"]
    assert (erased["DeliveryReport"], erased["Message"]) == (1, 1)
    assert "Dear Ada" not in everything()
    assert DeliveryReport.objects.get().message == "Dear Bob"


def test_chat_messages_with_the_number_in_an_id():
    post(chat("1", number="", messenger_id=f"{NUMBER}@c.us", direction=0))
    post(chat(f"false_{NUMBER}@c.us_3EB0", number="", messenger_id="7"))
    assert said()["erased"]["ChatMessage"] == 2
    assert NUMBER not in everything()


def test_an_error_of_a_push():
    push = record_push(push_answer(), project_id="4100")
    Push.objects.filter(pk=push.pk).update(error=f"Picky Assist answered 9: bad {NUMBER}")
    assert said("--dry-run")["found"] == {"Push": 1}
    assert said()["erased"] == {"Push": 1}
    assert Push.objects.get().error == "Erased."


@pytest.mark.parametrize("others", [0, 1])
def test_a_push_without_another_message_is_not_asked_about(others):
    rows = [{"number": NUMBER}, {"number": "15550009999"}][: 1 + others]
    push = record_push(push_answer(*rows), project_id="4100")
    another = record_push(push_answer() | {"data": []}, project_id="4100")
    said()
    push.refresh_from_db()
    assert push.messages().count() == others
    assert push.state == ("open" if others else "settled")
    another.refresh_from_db()
    assert another.state == "open"


def test_a_push_that_a_worker_is_asking_about_is_in_work():
    """Its answer can have the number: the operator must erase once more."""
    push = record_push(push_answer({"number": NUMBER}), project_id="4100")
    due_at = timezone.now() + timedelta(minutes=1)
    Push.objects.update(claimed_by="worker", due_at=due_at)
    assert said(expected=1)["erased"] == {"Message": 1, erasure.IN_WORK: 1}
    push.refresh_from_db()
    assert push.state == "settled"


def test_a_push_is_settled_together_with_the_loss_of_its_messages(monkeypatch):
    push = record_push(push_answer({"number": NUMBER}), project_id="4100")
    with monkeypatch.context() as interrupted:
        interrupted.setattr(Erasure, "_settle", lambda *args: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            Erasure(Number(NUMBER)).carry_out("ada")
    assert push.messages().count() == 1
    assert said()["erased"] == {"Message": 1}
    push.refresh_from_db()
    assert push.state == "settled"


def test_rows_whose_request_is_pruned():
    post_all("+" + NUMBER)
    post(subscriber(subscriber_id=NUMBER, mobile=""))
    post(subscriber(subscriber_id="Z7", mobile="", phone2=NUMBER))
    WebhookRequest.objects.all().delete()
    erase()
    assert NUMBER not in everything()


def test_what_waits_is_processed_first(listen, settings):
    heard = listen("delivery_received")
    settings.PICKYASSIST_WEBHOOKS = settings.PICKYASSIST_WEBHOOKS | {"PROCESSOR": "none"}
    post(delivery(row("1", number=NUMBER), row("2", number=OTHER)))
    assert said()["erased"] == {"DeliveryReport": 1, "Message": 1, "bodies": 1}
    assert DeliveryReport.objects.get().number == OTHER
    assert len(heard) == 2


@pytest.mark.parametrize(
    "state",
    [
        {"state": RequestState.RECEIVED},
        {"state": RequestState.DEAD},
        {"state": RequestState.DONE, "claimed_by": "another"},
    ],
)
def test_a_body_that_is_not_understood_is_left_and_named(state):
    request = keep(delivery(row(number=NUMBER), row("2", number=OTHER)))
    later = timezone.now() + timedelta(hours=1)
    WebhookRequest.objects.filter(pk=request.pk).update(due_at=later, **state)
    with pytest.raises(CommandError, match="Skipped 1 requests with this number"):
        erase()
    assert NUMBER.encode() in bytes(WebhookRequest.objects.get().body)
    WebhookRequest.objects.update(
        due_at=timezone.now() - timedelta(minutes=1), state=RequestState.RECEIVED
    )
    erase()
    assert NUMBER not in everything()
    assert DeliveryReport.objects.get().number == OTHER


def test_receivers_that_failed(listen):
    def talkative(event, **named):
        raise ValueError(f"no such customer: {event.number}, {NUMBER}")

    listen("delivery_received", talkative)
    post(delivery(row("1", number=NUMBER), row("2", number=OTHER)))
    assert ReceiverFailure.objects.count() == 2
    erased = said()["erased"]
    assert erased["tracebacks"] == 1
    failure = ReceiverFailure.objects.get()
    assert (failure.event_id, failure.error) == (DeliveryReport.objects.get().pk, "Erased.")
    assert NUMBER not in everything()
    # The request continues with the rest, until that is erased too.
    assert WebhookRequest.objects.get().state == "failing"
    erase(number=OTHER)
    assert WebhookRequest.objects.get().state == "done"


def test_a_receiver_that_runs_while_its_number_is_erased(listen):
    """It has read the body before, and its error repeats it afterwards."""

    def talkative(event, request, **named):
        if request.attempts and ReceiverFailure.objects.exists():
            body = bytes(request.body)
            erase()
            raise ValueError(body)
        raise ValueError("not yet")

    listen("delivery_received", talkative)
    post(delivery(row("1", number=OTHER), row("2", number=NUMBER)))
    ReceiverFailure.objects.update(due_at=timezone.now() - timedelta(minutes=1))
    sweep()
    assert NUMBER not in everything()
    assert ReceiverFailure.objects.get().error == "Erased."


@pytest.mark.parametrize("state", ["failing", "dead"])
def test_a_quarantined_request_whose_receiver_failed(state, listen):
    """Its error may repeat a name or a text without the number."""

    def talkative(request, **named):
        raise ValueError("cannot route the complaint of Zoltan")

    listen("webhook_quarantined", talkative)
    post({"event_id": 77, "from": NUMBER, "name": "Zoltan"})
    WebhookRequest.objects.update(state=state)
    found = said("--dry-run")["found"]
    assert said()["erased"] == found == {"bodies": 1, "tracebacks": 1}
    assert "Zoltan" not in everything()
    assert not ReceiverFailure.objects.exists()
    assert WebhookRequest.objects.get().state == "discarded"


def test_an_error_of_ours():
    post(delivery(row(number=NUMBER)))
    WebhookRequest.objects.update(error=f"Duplicate entry {NUMBER}")
    erase()
    assert WebhookRequest.objects.get().error == "Erased."


def test_a_dead_request_that_was_announced_keeps_its_failures(listen):
    def broken(**named):
        raise ValueError("no")

    listen("delivery_received", broken)
    post(delivery(row("1", number=NUMBER), row("2", number=OTHER)))
    WebhookRequest.objects.update(state=RequestState.DEAD)
    erase()
    request = WebhookRequest.objects.get()
    assert (request.state, ReceiverFailure.objects.count()) == ("dead", 1)
    ReceiverFailure.objects.update(due_at=None)
    assert ingest.replay(request.pk, only_failed_receivers=True).state == "failing"


class TestSpool:
    @pytest.fixture(autouse=True)
    def folder(self, settings, tmp_path):
        settings.PICKYASSIST_WEBHOOKS = settings.PICKYASSIST_WEBHOOKS | {"SPOOL_DIR": tmp_path}
        return tmp_path

    def write(self, number):
        body = json.dumps(delivery(row(number=number))).encode()
        assert spool.write(WebhookRequest.objects.new(body, query=f"to={number}"))

    def test_what_the_database_takes_is_drained(self, folder):
        self.write(NUMBER)
        self.write(OTHER)
        assert said("--dry-run")["found"] == {"spool files": 1}
        assert said()["erased"]["bodies"] == 1
        assert not list(folder.iterdir())
        assert NUMBER not in everything()
        assert WebhookRequest.objects.count() == 2

    def test_what_it_does_not_take_is_emptied(self, folder, monkeypatch):
        self.write(NUMBER)
        monkeypatch.setattr(erasure, "drain", lambda: 0)
        assert said()["erased"] == {"spool files": 1}
        [path] = folder.iterdir()
        assert NUMBER.encode() not in path.read_bytes()
        assert drain() == 1
        request = WebhookRequest.objects.get()
        assert (bytes(request.body), request.state, request.query) == (b"", "discarded", "")
        assert request.erased_at is not None
        assert not sweep()

    def test_files_of_somebody_else(self, folder, caplog):
        """An unreadable file is reported; it stops neither the other files nor the audit."""
        post(delivery(row(number=NUMBER)))
        (folder / "odd.request").mkdir()
        with pytest.raises(CommandError, match="run this as the server user"):
            erase()
        assert NUMBER not in everything()
        assert "unreadable files: 1" in caplog.records[-1].getMessage()

    def test_a_folder_of_somebody_else(self, folder, monkeypatch):
        def refuse():
            raise PermissionError

        monkeypatch.setattr(spool, "waiting", refuse)
        assert said("--dry-run", expected=1)["found"] == {"unreadable files": 1}

    def test_files_that_change_hands(self, folder, monkeypatch):
        self.write(NUMBER)
        [path] = folder.iterdir()
        monkeypatch.setattr(spool, "waiting", lambda: [path.with_name("gone.request"), path])
        monkeypatch.setattr(erasure, "drain", lambda: 0)

        def refuse(path):
            raise PermissionError

        monkeypatch.setattr(spool, "erase", refuse)
        erased = Erasure(Number(NUMBER)).carry_out("me")
        assert erased == {"unreadable files": 1}

    @pytest.mark.parametrize("content", [f"no header {NUMBER}", f"[]\n{NUMBER}", NUMBER])
    def test_a_file_that_cannot_be_read(self, folder, content):
        path = folder / "odd.request"
        path.write_text(content)
        assert said()["erased"] == {"spool files": 1}
        assert NUMBER not in path.read_text()
        assert "erased_at" in path.read_text()
        with pytest.raises(UnreadableSpoolFile):
            spool.read(path)


def test_no_cursor_outlives_a_statement(monkeypatch):
    """Behind a pooler the next transaction can have another session of PostgreSQL."""

    def refuse():
        raise AssertionError("a cursor of more than one statement")

    monkeypatch.setattr(connection, "chunked_cursor", refuse)
    post_all(NUMBER)
    assert said()["erased"]["Message"]


def test_rows_are_read_in_chunks(monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK", 2)
    monkeypatch.setattr(mentions, "CHUNK", 2)
    for index in range(5):
        post(chat(f"{index}", number=OTHER, contact=[{"phone": NUMBER}]))
        post(chat(f"{index}_{NUMBER}", number="", messenger_id="7"))
    erased = said()["erased"]
    assert (erased["ChatMessage"], erased[erasure.MENTIONS]) == (5, 5)


def test_bodies_are_not_all_read_at_once(monkeypatch, django_assert_max_num_queries):
    monkeypatch.setattr(chunks, "_BYTES_AT_ONCE", 100)
    monkeypatch.setattr(erasure, "CHUNK", 4)
    requests = WebhookRequest.objects
    done = {"state": RequestState.DONE}
    bodies = [NUMBER.encode() + b" " * size for size in (10, 10, 200, 10, 10, 60, 60, 0)]
    requests.bulk_create([requests.new(body, **done) for body in bodies])
    together = list(chunks.together([(1, 10), (2, 10), (3, 200), (4, 90), (5, 20)]))
    assert together == [[1, 2], [3], [4], [5]]
    looked_at = []
    assert Erasure(Number(NUMBER)).find(looked_at.append)["bodies"] == 8
    assert looked_at == list(range(1, 9))


def test_a_number_that_is_none():
    with pytest.raises(CommandError, match="5 digits or more"):
        erase(number="+1 2")
    # A letter O for a zero is another person's number.
    with pytest.raises(CommandError, match="use digits only"):
        erase(number="1555765432O")


@pytest.mark.parametrize("text", ["15557654321.0", "1.5557654321E+11", "'155576543210"])
def test_a_number_of_a_spreadsheet_erases_no_one(text):
    """With its dot gone the first one would be the number of another person."""
    post_all(NUMBER)
    post_all(f"{NUMBER}0")
    before = everything()
    with pytest.raises(CommandError, match="use digits only"):
        erase(number=text)
    assert everything() == before


@pytest.mark.parametrize("text", [f"{NUMBER}.0", "1.5557654321E+10", "155576543210e-1"])
def test_a_number_that_came_as_a_float(text):
    post_all(f"{NUMBER}0")
    others = everything()
    post(delivery(row("1", number=text), row("2", "3", number=OTHER)))
    post(subscriber(subscriber_id="S1", mobile=text))
    post(b'{"n": %s, cut' % text.encode())
    erased = said()["erased"]
    assert erased == {"DeliveryReport": 1, "Message": 1, "NewSubscriber": 1, "bodies": 3}
    assert text not in everything()
    assert f"{NUMBER}0" in others
    assert everything().count(f"{NUMBER}0") == others.count(f"{NUMBER}0")


def test_a_person_is_asked(monkeypatch):
    post_all(NUMBER)
    answers = ["n", "y"]
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda text: answers.pop(0))
    assert "Erased" not in erase()
    assert "Erased: bodies: 5" in erase()


def test_a_database_that_fails(monkeypatch):
    def fail(*args):
        raise OperationalError(f"Key (number)=({NUMBER})")

    monkeypatch.setattr(Erasure, "_empty", fail)
    post_all(NUMBER)
    with pytest.raises(CommandError, match=r"^The database failed \(OperationalError\)\. Erased"):
        erase()


def test_logs_do_not_name_the_number(caplog):
    caplog.set_level(logging.DEBUG)
    post_all(NUMBER)
    erase()
    for record in caplog.records:
        assert NUMBER not in record.getMessage()


class TestAdminAction:
    @pytest.fixture
    def clerk(self, client):
        """Log a user in who may see everything, and erase."""
        user = get_user_model().objects.create_user("clerk", is_staff=True)
        user.user_permissions.set(
            Permission.objects.filter(
                content_type__app_label="pickyassist_webhooks",
                codename__regex="^(view_|erase_personal_data)",
            )
        )
        client.force_login(user)
        return client

    def forbid(self, codename):
        user = get_user_model().objects.get()
        user.user_permissions.remove(Permission.objects.get(codename=codename))

    def select(self, client, model, rows=None, **more):
        page = reverse(f"admin:pickyassist_webhooks_{model._meta.model_name}_changelist")
        rows = model.objects.all() if rows is None else rows
        pks = list(rows.values_list("pk", flat=True))
        named = {"action": "erase_numbers", "_selected_action": pks, **more}
        return client.post(page, named, follow=True)

    models = (DeliveryReport, FilterReport, GroupMemberEvent, NewSubscriber, Message)

    @pytest.mark.parametrize("model", models)
    def test_a_count_and_then_the_deed(self, model, clerk):
        post_all(NUMBER)
        post_all(OTHER)
        rows = model.objects.filter(number=NUMBER)
        before = everything()

        page = self.select(clerk, model, rows).content.decode()
        assert "This cannot be undone" in page
        assert f"<td>{NUMBER}</td>" in page
        assert "bodies: 5" in page
        assert OTHER not in page
        assert everything() == before

        answer = self.select(clerk, model, rows, erase="yes").content.decode()
        assert "Erased number •••321: bodies: 5, delivery reports: 2" in answer
        assert NUMBER not in everything()
        assert DeliveryReport.objects.count() == 2
        erased = WebhookRequest.objects.exclude(erased_at=None)
        assert {request.history[0]["by"] for request in erased} == {"clerk"}
        page = reverse("admin:pickyassist_webhooks_webhookrequest_change", args=[erased[0].pk])
        assert "Erased, because it contained personal data." in clerk.get(page).content.decode()

    def test_a_second_time(self, clerk):
        post(delivery(row(number=NUMBER)))
        rows = Message.objects.all()
        page = reverse("admin:pickyassist_webhooks_message_changelist")
        named = {"action": "erase_numbers", "erase": "yes"}
        named["_selected_action"] = list(rows.values_list("pk", flat=True))
        clerk.post(page, named)
        answer = clerk.post(page, named, follow=True)
        texts = [str(message) for message in answer.context["messages"]]
        assert texts[-1] == "These rows are already erased or deleted."

    def test_what_is_left_is_a_warning(self, clerk, settings, tmp_path):
        settings.PICKYASSIST_WEBHOOKS = settings.PICKYASSIST_WEBHOOKS | {"SPOOL_DIR": tmp_path}
        (tmp_path / "odd.request").mkdir()
        post(delivery(row(number=NUMBER)))
        [message] = self.select(clerk, Message, erase="yes").context["messages"]
        assert "unreadable files: 1" in str(message)
        assert message.level_tag == "warning"

    def test_numbers_are_masked_for_who_may_not_see_them(self, clerk):
        post_all(NUMBER)
        self.forbid("view_personal_data")
        page = self.select(clerk, Message).content.decode()
        assert "<td>•••321</td>" in page
        assert NUMBER not in page
        self.select(clerk, Message, erase="yes")
        assert NUMBER not in everything()

    def test_it_takes_the_permission(self, clerk):
        post_all(NUMBER)
        self.forbid("erase_personal_data")
        assert "erase_numbers" not in self.select(clerk, Message, erase="yes").content.decode()
        assert Message.objects.count() == 2

    def test_several_and_none(self, clerk):
        post(delivery(*(row(str(number), number=f"1555000{number:04}") for number in range(1, 12))))
        refused = "Select rows of 1 to 10 phone numbers."
        assert refused in self.select(clerk, Message, erase="yes").content.decode()
        some = Message.objects.filter(pk__lt=Message.objects.latest("pk").pk)
        assert "Erased number" in self.select(clerk, Message, some, erase="yes").content.decode()
        assert Message.objects.count() == 1
        Message.objects.update(number="Ada")
        assert refused in self.select(clerk, Message, erase="yes").content.decode()
        Message.objects.update(number="")
        assert refused in self.select(clerk, Message, erase="yes").content.decode()

    @pytest.mark.parametrize(
        ("limit", "bound", "numbers", "refused"),
        [
            ("MAX_BODIES", 4, 2, False),
            ("MAX_BODIES", 3, 2, True),
            ("MAX_BODIES", 1, 1, True),
            ("MAX_BYTES", 2000, 2, False),
            ("MAX_BYTES", 200, 1, True),
        ],
    )
    def test_a_page_reads_no_more_than_it_can(
        self, limit, bound, numbers, refused, clerk, monkeypatch
    ):
        post(delivery(row(number=NUMBER)))
        post(delivery(row("2", number=OTHER)))
        monkeypatch.setattr(erasing, limit, bound)
        rows = Message.objects.all()[:numbers]
        for named in ({}, {"erase": "yes"}):
            page = self.select(clerk, Message, rows, **named).content.decode()
            assert ("use the command pickyassist_erase" in page) is refused
        assert (NUMBER in everything()) is refused

    def test_no_body_is_left_to_read(self, clerk):
        post(delivery(row(number=NUMBER)))
        WebhookRequest.objects.all().delete()
        self.select(clerk, Message, erase="yes")
        assert not Message.objects.exists()

    def test_under_atomic_requests(self, clerk, monkeypatch):
        """Pending requests can be processed first there, too."""
        monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
        post(delivery(row(number=NUMBER)))
        keep(delivery(row("2", number=NUMBER), row("3", number=OTHER)))
        self.select(clerk, Message, erase="yes")
        assert NUMBER not in everything()
        assert DeliveryReport.objects.get().number == OTHER

    def test_what_is_in_work_is_said(self, clerk):
        post(delivery(row(number=NUMBER)))
        later = timezone.now() + timedelta(hours=1)
        WebhookRequest.objects.update(due_at=later, claimed_by="another")
        answer = self.select(clerk, Message, erase="yes").content.decode()
        assert "; skipped: requests in progress: 1" in answer
        assert 'class="warning"' in answer
