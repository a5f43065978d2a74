"""Lost reports are fetched from a real server, which misbehaves as servers and networks do."""

from __future__ import annotations

import gzip
import json
import logging
import re
import signal
import ssl
import time
from datetime import timedelta
from email.utils import format_datetime
from functools import partial
from io import StringIO
from pathlib import Path
from threading import Timer

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.urls import reverse
from django.utils import timezone

from pickyassist_webhooks.exceptions import ReportsNotFetched
from pickyassist_webhooks.inbox.sweep import sweep
from pickyassist_webhooks.management.commands import pickyassist_reconcile
from pickyassist_webhooks.models import CallRate, DeliveryReport, Message, Push, WebhookRequest
from pickyassist_webhooks.models.rates import DELIVERY_REPORTS, LONGEST_HOLD, take_turn
from pickyassist_webhooks.pushes import record_push
from pickyassist_webhooks.reconcile import client, work
from pickyassist_webhooks.testing import vendor as stand_in
from pickyassist_webhooks.testing.vendor import FakeVendor, Misbehaviour
from tests.pages import Page
from tests.requests import PROJECT, delivery, post, row
from tests.terminal import Terminal
from tests.threads import at_once

pytestmark = pytest.mark.django_db

TLS = Path(__file__).parent / "tls"


@pytest.fixture
def configure(settings):
    def configure(**keys):
        usual = {"API_CALLS_PER_MINUTE": 60000, "RECONCILE_AFTER": 3600}
        settings.PICKYASSIST_WEBHOOKS = {**settings.PICKYASSIST_WEBHOOKS, **usual, **keys}

    return configure


@pytest.fixture
def vendor(configure):
    with FakeVendor(project_id=PROJECT, seed=1) as vendor:
        configure(**vendor.settings)
        yield vendor


def call(*arguments, **options):
    output = StringIO()
    call_command("pickyassist_reconcile", *arguments, stdout=output, **options)
    return output.getvalue()


def run(*arguments, **options):
    """Return the result of a run; without its time."""
    result = json.loads(call("--json", *arguments, **options))
    assert result.pop("seconds", 0) >= 0
    return result


def result(**counts):
    usual = dict.fromkeys(("asked", "reports", "settled", "open", "given_up", "failed"), 0)
    return {"dry_run": False, **usual, "stopped": {}, **counts}


def send(vendor, *rows, course=(4, 1), project_id=PROJECT, **named):
    """Push messages and record the answer; no report of them comes."""
    return record_push(vendor.push(*rows, course=course), project_id=project_id, **named)


class TestFetch:
    def test_a_lost_report(self, vendor, clock, listen):
        changed, received = listen("message_status_changed"), listen("delivery_received")
        push = send(vendor, {"number": "15550001111"}, references="ORD-1", channel="8")
        assert run() == result()
        assert not vendor.calls
        clock.advance(hours=1)
        assert run() == result(asked=1, reports=1, settled=1)
        assert vendor.calls_to("delivery-report") == [
            {"token": stand_in.TEST_TOKEN, "push_id": int(push.push_id)}
        ]
        message = Message.objects.get()
        assert (message.status, message.delivered, message.reference_number) == (1, True, "ORD-1")
        assert [call["previous_status"] for call in changed] == [-1]
        assert len(received) == 1
        report = DeliveryReport.objects.get()
        assert (report.project_id, report.push_id, report.channel) == (PROJECT, push.push_id, "8")
        assert report.extra == {"message_type": "3", "time": "05-02-2024 03:07 PM"}
        request = WebhookRequest.objects.get()
        assert (request.origin, request.project_id, request.state) == ("pull", PROJECT, "done")
        assert json.loads(bytes(request.body))["data"][0]["status"] == "1"
        push.refresh_from_db()
        assert (push.state, push.attempts, push.error, push.claimed_by) == ("settled", 1, "", "")
        assert push.asked_at >= push.recorded_at + timedelta(hours=1)
        assert run() == result()
        assert len(vendor.calls) == 1

    def test_the_exact_bytes(self, vendor, clock):
        push = send(vendor)
        clock.advance(hours=1)
        body = b'{ "push_id":%s,"data" : [ ], "caf\xc3\xa9": 1.50 }\r\n' % push.push_id.encode()
        vendor.misbehave(Misbehaviour(body=body))
        run()
        assert bytes(WebhookRequest.objects.get().body) == body

    def test_a_push_whose_reports_came(self, vendor, clock):
        answer = vendor.push({}, {})
        push = record_push(answer, project_id=PROJECT)
        for report in vendor.reports(push.push_id):
            post(report)
        clock.advance(hours=1)
        assert run() == result(settled=1)
        assert not vendor.calls

    @pytest.mark.parametrize("status", [1, 2, 3, 5])
    def test_final_statuses(self, vendor, clock, status):
        push = send(vendor, course=(status,))
        post(vendor.reports(push.push_id)[0])
        clock.advance(hours=1)
        assert run()["settled"] == 1

    @pytest.mark.parametrize("status", [0, 4, 77])
    def test_other_statuses(self, vendor, clock, status):
        push = send(vendor, course=(status,))
        clock.advance(hours=1)
        assert run() == result(asked=1, reports=1, open=1)
        push.refresh_from_db()
        assert push.state == "open"
        assert timedelta(hours=1) <= push.due_at - push.asked_at <= timedelta(minutes=75)
        clock.advance(minutes=76)
        assert run() == result(asked=1, open=1)
        push.refresh_from_db()
        assert timedelta(hours=2) <= push.due_at - push.asked_at <= timedelta(minutes=150)

    def test_a_status_never_falls(self, vendor, clock):
        push = send(vendor, {}, {}, course=(4, 1))
        first, _ = vendor.messages[push.push_id]
        post(delivery(row(first.msg_id, "3", push_id=push.push_id)))
        clock.advance(hours=1)
        assert run()["settled"] == 1
        assert set(Message.objects.values_list("status", flat=True)) == {3, 1}

    @pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/New_York"])
    def test_without_time_zones(self, zone, vendor, clock, settings):
        settings.USE_TZ, settings.TIME_ZONE = False, zone
        push = send(vendor, course=(4,))
        assert run() == result()
        clock.advance(hours=1)
        assert run() == result(asked=1, reports=1, open=1)
        push.refresh_from_db()
        assert timedelta(hours=1) <= push.due_at - push.asked_at <= timedelta(minutes=75)
        clock.advance(days=3)
        assert run() == result(asked=1, given_up=1)

    def test_nothing_comes_twice(self, vendor, clock, listen):
        calls = listen("delivery_received")
        push = send(vendor, course=(4,))
        post(vendor.reports(push.push_id)[0])
        clock.advance(hours=1)
        assert run() == result(asked=1, open=1)
        assert len(calls) == DeliveryReport.objects.count() == 1

    def test_a_push_of_which_no_message_is_known(self, vendor, clock):
        answer = vendor.push({}, {})
        push = record_push(answer | {"data": []}, project_id=PROJECT)
        clock.advance(hours=1)
        assert run() == result(asked=1, reports=2, settled=1)
        assert push.messages().count() == 2

    def test_its_project_counts(self, vendor, clock, configure):
        """The vendor's account can have another id than the setting."""
        configure(
            **{"API_URL": vendor.api_url, "API_TOKENS": {77: stand_in.TEST_TOKEN}},
            PROJECT_IDS=["nothing else"],
        )
        send(vendor, project_id="77")
        clock.advance(hours=1)
        assert run() == result(asked=1, reports=1, settled=1)
        assert DeliveryReport.objects.get().project_id == "77"
        body = bytes(WebhookRequest.objects.get().body)
        assert post(body).json()["state"] == "quarantined"
        posted = WebhookRequest.objects.get(origin="webhook")
        assert posted.problems[0]["code"] == "pull_report"
        assert posted.project_id == ""

    def test_large_pushes(self, vendor, clock):
        send(vendor, *({} for _ in range(1000)))
        clock.advance(hours=1)
        assert run() == result(asked=1, reports=1000, settled=1)

    def test_many_settled_pushes(self, vendor, clock, monkeypatch):
        monkeypatch.setattr(work, "_CHUNK", 2)
        for _ in range(5):
            for report in vendor.reports(send(vendor).push_id):
                post(report)
        send(vendor)
        clock.advance(hours=1)
        assert run() == result(settled=6, asked=1, reports=1)

    def test_a_report_that_comes_while_it_waits(self, vendor, clock, monkeypatch):
        """The push is settled when it is its turn, so no call is spent on it."""
        push = send(vendor)
        clock.advance(hours=1)

        def settle(wanted):
            for report in vendor.reports(push.push_id):
                post(report)
            return 0

        monkeypatch.setattr(work, "settle", settle)
        assert run() == result(settled=1)
        assert not vendor.calls


def failing(status=503, **named):
    return Misbehaviour(status, **named)


ANSWERS = {
    "HTTP 500": failing(500),
    "HTTP 502": failing(502),
    "HTTP 404": failing(404),
    "HTTP 401": failing(401),
    "HTTP 204": Misbehaviour(204),
    "HTTP 307": stand_in.redirect("http://127.0.0.1:9/elsewhere"),
    "HTTP 429": stand_in.too_many_calls("soon"),
    "not_json": stand_in.html(),
    "RemoteProtocolError": stand_in.cut(),
    "not_an_object": Misbehaviour(body=b"[]"),
    "101": stand_in.refusal(101),
    "403": stand_in.refusal("403"),
    "refused": stand_in.refusal(True),
    "push_id": Misbehaviour(body=b'{"push_id": 1, "data": [{"msg_id": "1", "status": 2}]}'),
    "push_id ": Misbehaviour(body=b'{"push_id": [1], "data": [{"msg_id": "1", "status": 2}]}'),
    "no data": Misbehaviour(body=b'{"message": "no such push"}'),
    "encoding": Misbehaviour(headers={"Content-Encoding": "gzip"}, body=gzip.compress(b"{}")),
}


class TestFailures:
    @pytest.mark.parametrize("code", ANSWERS)
    def test_each_is_tried_again(self, code, vendor, clock, caplog):
        push = send(vendor)
        clock.advance(hours=1)
        vendor.misbehave(ANSWERS[code])
        assert run() == result(asked=1, failed=1, open=1)
        assert Message.objects.get().status == -1
        assert not WebhookRequest.objects.exists()
        push.refresh_from_db()
        assert (push.state, push.attempts, push.claimed_by) == ("open", 1, "")
        assert push.error
        assert timedelta(seconds=60) <= push.due_at - push.asked_at <= timedelta(seconds=75)
        assert f"reports of push '{push.push_id}': {code.strip()}" in caplog.text
        clock.advance(seconds=80)
        assert run() == result(asked=1, reports=1, settled=1)
        push.refresh_from_db()
        assert push.error == ""

    def test_pauses_grow(self, vendor, clock):
        push = send(vendor)
        pauses = []
        for _ in range(12):
            clock.advance(hours=6, minutes=0 if pauses else -300)
            vendor.misbehave(failing())
            if run()["asked"]:
                push.refresh_from_db()
                pauses.append(round((push.due_at - push.asked_at).total_seconds()))
        assert pauses == sorted(pauses) or max(pauses) >= 6 * 3600
        assert pauses[0] <= 75
        assert max(pauses) <= 7.5 * 3600
        assert len(set(pauses)) > 5

    def test_a_server_that_is_away(self, vendor, clock, configure):
        send(vendor)
        clock.advance(hours=1)
        configure(**vendor.settings | {"API_URL": "http://127.0.0.1:9/"})
        assert run()["failed"] == 1
        assert Push.objects.get().error.startswith("could not reach 127.0.0.1:9 (ConnectError")

    def test_a_host_that_does_not_exist(self, vendor, clock, configure):
        send(vendor)
        clock.advance(hours=1)
        configure(**vendor.settings | {"API_URL": "https://no-such-host.invalid/"})
        assert run()["failed"] == 1
        assert "no-such-host.invalid" in Push.objects.get().error

    def test_a_certificate_that_no_one_vouches_for(self, configure, clock):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(TLS / "certificate.pem", TLS / "key.pem")
        with FakeVendor(project_id=PROJECT, ssl_context=context) as vendor:
            configure(**vendor.settings)
            send(vendor)
            clock.advance(hours=1)
            assert run()["failed"] == 1
            assert not vendor.calls
        assert "CERTIFICATE_VERIFY_FAILED" in Push.objects.get().error

    def test_a_certificate_that_this_machine_trusts(self, configure, clock, monkeypatch):
        """Companies with an authority of their own name it in this variable."""
        monkeypatch.setenv("SSL_CERT_FILE", str(TLS / "certificate.pem"))
        client._trusted.cache_clear()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(TLS / "certificate.pem", TLS / "key.pem")
        try:
            with FakeVendor(project_id=PROJECT, ssl_context=context) as vendor:
                configure(**vendor.settings)
                send(vendor)
                clock.advance(hours=1)
                assert run() == result(asked=1, reports=1, settled=1)
                send(vendor)
                clock.advance(hours=1)
                port = vendor.api_url.rpartition(":")[2]
                configure(**vendor.settings | {"API_URL": f"https://localhost:{port}"})
                assert run()["failed"] == 1  # the certificate is that of 127.0.0.1
                assert len(vendor.calls) == 1
        finally:
            client._trusted.cache_clear()

    def test_redirects_are_not_followed(self, vendor, clock):
        with FakeVendor() as elsewhere:
            send(vendor)
            clock.advance(hours=1)
            vendor.misbehave(stand_in.redirect(f"{elsewhere.api_url}delivery-report"))
            assert run()["failed"] == 1
            assert not elsewhere.calls

    def test_no_proxy_gets_the_token(self, vendor, clock, monkeypatch):
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        send(vendor)
        clock.advance(hours=1)
        assert run()["settled"] == 1

    @pytest.mark.parametrize("limit", ["READ", "TOTAL"])
    def test_a_server_that_hangs(self, limit, vendor, clock, monkeypatch):
        monkeypatch.setattr(client, limit, 0.2)
        send(vendor)
        clock.advance(hours=1)
        vendor.misbehave(stand_in.hang(30))
        began = time.monotonic()
        assert run()["failed"] == 1
        assert time.monotonic() - began < 10
        assert Message.objects.get().status == -1

    def test_an_answer_without_end(self, vendor, clock, monkeypatch):
        monkeypatch.setattr(client, "MAX_BYTES", 1000)
        push = send(vendor)
        clock.advance(hours=1)
        vendor.misbehave(Misbehaviour(body=b"x" * 1001))
        assert run()["failed"] == 1
        push.refresh_from_db()
        assert push.error == "the answer has more than 1000 bytes"

    def test_empty_data_is_no_failure_of_a_message(self, vendor, clock, root):
        push = send(vendor)
        clock.advance(hours=1)
        vendor.messages.clear()
        assert run() == result(asked=1, open=1)
        assert Message.objects.get().status == -1
        request = WebhookRequest.objects.get()
        assert (request.state, request.event_count, request.problem_count) == ("done", 0, 0)
        page = Page(
            root.get(reverse("admin:pickyassist_webhooks_webhookrequest_change", args=[request.pk]))
        )
        assert page.has("answer of the delivery report API")
        push.refresh_from_db()
        assert (push.state, push.error) == ("open", "")

    def test_rows_that_are_invalid(self, vendor, clock):
        push = send(vendor)
        clock.advance(hours=1)
        data = [{"msg_id": "1", "status": "gone"}, "?", {"msg_id": "2", "status": 2}]
        body = json.dumps({"push_id": push.push_id, "data": data}).encode()
        vendor.misbehave(Misbehaviour(body=body))
        assert run() == result(asked=1, reports=1, open=1)
        paths = [problem["path"] for problem in WebhookRequest.objects.get().problems]
        assert paths == ["data[0].status", "data[1]"]

    def test_a_database_that_fails(self, vendor, clock, monkeypatch):
        def fails(*arguments):
            raise OperationalError

        send(vendor)
        clock.advance(hours=1)
        monkeypatch.setattr(work.worker, "keep", fails)
        with pytest.raises(CommandError, match=r"failed \(OperationalError\). No report is lost"):
            run()
        assert Push.objects.get().state == "open"


class TestGivingUp:
    def test_after_some_days(self, vendor, clock):
        push = send(vendor)
        for days in (1, 2):
            clock.advance(days=1)
            vendor.misbehave(failing())
            assert run() == result(asked=1, failed=1, open=1), days
        clock.advance(days=1)
        vendor.misbehave(failing())
        assert run() == result(asked=1, failed=1, given_up=1)
        push.refresh_from_db()
        assert push.state == "given_up"
        assert Message.objects.get().status == -1
        clock.advance(days=9)
        assert run() == result()

    def test_the_last_attempt_is_at_the_end(self, vendor, clock):
        push = send(vendor, course=(4,))
        clock.advance(days=2, hours=23)
        run()
        push.refresh_from_db()
        assert push.due_at == push.recorded_at + timedelta(days=3)
        clock.advance(hours=1)
        assert run() == result(asked=1, given_up=1)

    def test_a_push_that_no_run_looked_at_is_asked_for_once(self, vendor, clock):
        send(vendor)
        clock.advance(days=30)
        assert run() == result(asked=1, reports=1, settled=1)

    def test_it_can_be_asked_for_by_its_id(self, vendor, clock):
        push = send(vendor)
        Push.objects.update(state="given_up")
        assert run() == result()
        assert run("--push-id", push.push_id) == result(asked=1, reports=1, settled=1)


class TestRetryAfter:
    @pytest.mark.parametrize("status", [429, 503])
    def test_the_pause_is_that_of_the_server(self, status, vendor, clock):
        first, second = send(vendor), send(vendor)
        clock.advance(hours=1)
        vendor.misbehave(failing(status, headers={"Retry-After": "3600"}))
        assert run() == result(asked=1, failed=1, open=1)
        first.refresh_from_db()
        second.refresh_from_db()
        assert first.due_at - first.asked_at >= timedelta(hours=1)
        assert (second.attempts, second.state) == (0, "open")
        clock.advance(minutes=55)
        assert run() == result()
        clock.advance(minutes=6)
        assert run() == result(asked=2, reports=2, settled=2)

    def test_a_day_at_most(self, vendor, clock):
        push = send(vendor)
        clock.advance(hours=1)
        vendor.misbehave(stand_in.too_many_calls("9" * 30))
        assert run() == result(asked=1, failed=1, open=1)
        push.refresh_from_db()
        assert push.due_at - push.asked_at == LONGEST_HOLD
        clock.advance(hours=23)
        assert run("--push-id", push.push_id)["asked"] == 0
        said = call("--push-id", push.push_id)
        assert re.search(r"Still open: 1; Picky Assist allows the next call in 36\d\d s\.", said)
        clock.advance(hours=2)
        assert run() == result(asked=1, reports=1, settled=1)

    def test_a_short_pause_is_waited_for(self, vendor, clock):
        send(vendor)
        send(vendor)
        clock.advance(hours=1)
        vendor.misbehave(stand_in.too_many_calls(1))
        began = time.monotonic()
        assert run() == result(asked=2, reports=1, settled=1, failed=1, open=1)
        assert time.monotonic() - began >= 1

    def test_a_storm(self, vendor, clock, monkeypatch):
        """Every answer is 429 for a while, and each message is right in the end."""
        monkeypatch.setattr(work, "PATIENCE", timedelta(milliseconds=10))
        for _ in range(5):
            send(vendor)
        vendor.misbehave(*[stand_in.too_many_calls() for _ in range(40)])
        clock.advance(hours=1)
        asked = 0
        while Push.objects.filter(state="open").exists():
            clock.advance(minutes=61)
            asked += run()["asked"]
            assert asked <= 45
        assert set(Message.objects.values_list("status", flat=True)) == {1}
        assert asked == len(vendor.calls) == 45

    @pytest.mark.parametrize(
        ("header", "seconds"),
        [
            ("120", 120),
            (" 0 ", 0),
            ("9" * 30, 10**8),
            ("-1", None),
            ("", None),
            ("soon", None),
            ("1.5", None),
            ("٣", None),
            ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
            ("Wed, 21 Oct 2015 07:28:00 -0000", 0),
        ],
    )
    def test_writings(self, header, seconds):
        pause = client.pause_of(header)
        assert pause == (None if seconds is None else timedelta(seconds=seconds))

    def test_a_date(self):
        at = timezone.now() + timedelta(minutes=10)
        pause = client.pause_of(format_datetime(at))
        assert timedelta(minutes=9, seconds=58) < pause <= timedelta(minutes=10)


class TestStops:
    @pytest.mark.parametrize("code", [401, "405", 408])
    def test_the_turn_of_a_project(self, code, vendor, clock):
        send(vendor)
        send(vendor)
        clock.advance(hours=1)
        vendor.misbehave(stand_in.refusal(code, "Bad token"))
        output = StringIO()
        said = f"Stopped for project 4100: Picky Assist answered {code}: Bad token."
        with pytest.raises(CommandError, match=re.escape(said)):
            call_command("pickyassist_reconcile", stdout=output)
        assert output.getvalue().startswith("Asked for 1 push (1 failed). Still open: 2; ")
        assert len(vendor.calls) == 1
        assert set(Push.objects.values_list("state", flat=True)) == {"open"}
        clock.advance(minutes=2)
        assert run() == result(asked=2, reports=2, settled=2)

    def test_the_log_has_no_text_of_the_answer(self, vendor, clock, caplog):
        send(vendor)
        clock.advance(hours=1)
        vendor.misbehave(stand_in.refusal("15557654321 is bad", "15557654321"))
        assert run()["failed"] == 1
        assert re.search(r"push '\d+': refused", caplog.text)
        assert "15557654321" not in caplog.text

    def test_others_continue(self, vendor, clock, configure):
        tokens = {PROJECT: stand_in.TEST_TOKEN, "bad": "another-token"}
        configure(API_URL=vendor.api_url, API_TOKENS=tokens)
        send(vendor, project_id="bad")
        send(vendor, project_id="none")
        send(vendor)
        clock.advance(hours=1)
        with pytest.raises(CommandError) as caught:
            run()
        assert "project bad: Picky Assist answered 401" in str(caught.value)
        assert "API_TOKENS'] has no token for project 'none'" in str(caught.value)
        assert Push.objects.get(project_id=PROJECT).state == "settled"
        assert Push.objects.get(project_id="none").attempts == 0


def tokens(project_id):
    return {PROJECT: f" {stand_in.TEST_TOKEN}\n"}.get(project_id)


def broken_tokens(project_id):
    raise LookupError(f"{stand_in.TEST_TOKEN} is unknown")


class TestSettings:
    def test_off(self, configure):
        configure()
        with pytest.raises(CommandError, match=r"Reconciling is off: .*API_TOKENS.* is empty"):
            run()

    def test_a_function(self, vendor, clock, configure):
        configure(API_URL=vendor.api_url, API_TOKENS="tests.test_reconcile.tokens")
        send(vendor)
        send(vendor, project_id="other")
        clock.advance(hours=1)
        with pytest.raises(CommandError, match="no token for project 'other'"):
            run()
        assert Push.objects.get(project_id=PROJECT).state == "settled"

    def test_a_function_that_raises(self, vendor, clock, configure):
        configure(API_URL=vendor.api_url, API_TOKENS="tests.test_reconcile.broken_tokens")
        send(vendor)
        clock.advance(hours=1)
        with pytest.raises(CommandError, match="raised LookupError for project '4100'") as caught:
            run()
        assert stand_in.TEST_TOKEN not in str(caught.value)

    @pytest.mark.parametrize(
        "url",
        [
            "http://pickyassist.com/app/api/v2/",
            "ftp://127.0.0.1/",
            "https://",
            "https://user:secret@pickyassist.com/",
            "https://pickyassist.com/?a=1",
            "https://pickyassist.com/#a",
            "https://pickyassist.com:0/",
            "https://[::1/",
            "https://pickyassist.com:x/",
            "https://picky assist.com/",
            "https://pickyässist.com/",
            "",
            5,
        ],
    )
    def test_a_url_that_gets_no_token(self, url, vendor, configure):
        configure(**vendor.settings | {"API_URL": url})
        with pytest.raises(CommandError, match=r"API_URL'\] is invalid"):
            run()
        with pytest.raises(ReportsNotFetched, match="API_URL is invalid"):
            client.fetch("1", "a token")

    @pytest.mark.parametrize("url", ["http://localhost:{}/api/v2", "http://127.0.0.1:{}/api/v2/"])
    def test_this_machine(self, url, vendor, clock, configure):
        port = vendor.api_url.split(":")[2].split("/")[0]
        configure(**vendor.settings | {"API_URL": url.format(port)})
        send(vendor)
        clock.advance(hours=1)
        assert run()["settled"] == 1

    def test_without_httpx(self, vendor, monkeypatch):
        monkeypatch.setattr(pickyassist_reconcile, "find_spec", lambda name: None)
        with pytest.raises(CommandError, match=r"httpx is missing.*\[reconcile\]"):
            run()

    @pytest.mark.parametrize("push_id", ["007", "P7", "٣", "9" * 19])
    def test_ids_that_are_no_numbers(self, push_id, vendor):
        client.fetch(push_id, stand_in.TEST_TOKEN)
        assert vendor.calls_to("delivery-report")[0]["push_id"] == push_id


class TestOptions:
    def test_by_id(self, vendor):
        first, second = send(vendor), send(vendor)
        asked = run("--push-id", first.push_id)
        assert asked == result(asked=1, reports=1, settled=1)
        assert run("--push-id", first.push_id) == result(settled=1)
        second.refresh_from_db()
        assert (second.state, second.attempts) == ("open", 0)
        with pytest.raises(CommandError, match="No push with the id 'x' is recorded"):
            run("--push-id", first.push_id, "--push-id", "x")

    def test_arguments_that_are_not_utf8(self, vendor):
        undecoded = b"\xff".decode("utf-8", "surrogateescape")
        assert run("--project", undecoded) == result()
        with pytest.raises(CommandError, match="No push with the id '\ufffd' is recorded"):
            run("--push-id", undecoded)

    def test_a_push_that_a_worker_has(self, vendor):
        push = send(vendor)
        Push.objects.update(due_at=timezone.now())
        Push.objects.claim([push.pk])
        assert run("--push-id", push.push_id) == result()

    def test_by_project_and_time(self, vendor, clock):
        send(vendor)
        send(vendor, project_id="5")
        clock.advance(days=1)
        errors = StringIO()
        assert run("--project", "6", stderr=errors) == result()
        assert "Project '6' has no token in API_TOKENS and no push." in errors.getvalue()
        assert run("--since", timezone.now().isoformat()) == result()
        yesterday = (timezone.now() - timedelta(days=2)).isoformat()
        errors = StringIO()
        options = ("--project", PROJECT, "--since", yesterday)
        assert run(*options, stderr=errors)["settled"] == 1
        assert not errors.getvalue()

    def test_dry_run(self, vendor, clock):
        assert call("--dry-run") == "Would ask for 0 pushes.\n"
        for project in (PROJECT, "5", PROJECT):
            send(vendor, project_id=project)
        for report in vendor.reports(send(vendor).push_id):
            post(report)
        assert call("--dry-run") == "Would ask for 0 pushes.\n"
        clock.advance(hours=1)
        before = list(Push.objects.values())
        assert call("--dry-run") == "Would ask for 3 pushes (project 4100: 2, project 5: 1).\n"
        assert run("--dry-run") == {"dry_run": True, "due": 3, "projects": {PROJECT: 2, "5": 1}}
        assert list(Push.objects.values()) == before
        Push.objects.update(state="given_up")
        [first, *_] = Push.objects.order_by("pk")
        text = call("--push-id", first.push_id, "--dry-run")
        assert text == "Would ask for 1 push (project 4100: 1).\n"
        assert not vendor.calls
        assert not CallRate.objects.exists()

    def test_in_words(self, vendor, clock):
        assert call() == "Asked for 0 pushes.\n"
        send(vendor)
        send(vendor, course=(4,))
        assert re.fullmatch(
            r"Asked for 0 pushes\. Still open: 2; the next is due in (3599|3600) s\.\n", call()
        )
        clock.advance(hours=1)
        assert re.fullmatch(
            r"Asked for 2 pushes \(2 new reports\)\. Settled 1\. Still open: 1; the next is due in "
            r"\d+ s\.\n",
            call(),
        )

    def test_max_seconds(self, vendor, clock, configure):
        configure(**vendor.settings, API_CALLS_PER_MINUTE=3)
        send(vendor)
        send(vendor)
        clock.advance(hours=1)
        began = time.monotonic()
        assert run("--max-seconds", "1")["asked"] == 1
        assert time.monotonic() - began < 5

    def test_progress(self, vendor, clock):
        send(vendor)
        clock.advance(hours=1)
        terminal = Terminal()
        call(stderr=terminal)
        assert "1 of 1 asked (100%" in terminal.getvalue()


@pytest.mark.django_db(transaction=True)
class TestLoop:
    @pytest.fixture(autouse=True)
    def quickly(self, monkeypatch):
        monkeypatch.setattr(pickyassist_reconcile, "PAUSE", 0.01)
        monkeypatch.setattr(pickyassist_reconcile, "PAUSE_AFTER_FAULT", 0.01)

    def test_until_a_signal(self, vendor, clock):
        send(vendor)
        clock.advance(hours=1)
        Timer(0.7, signal.raise_signal, [signal.SIGTERM]).start()
        assert call("--loop") == "Asked for 1 push (1 new report). Settled 1.\n"

    def test_after_a_fault_and_a_stop(self, vendor, clock, monkeypatch, caplog):
        def fails_once(wanted, settle=work.settle):
            monkeypatch.setattr(work, "settle", settle)
            raise OperationalError

        monkeypatch.setattr(work, "settle", fails_once)
        send(vendor)
        clock.advance(hours=1)
        vendor.misbehave(stand_in.refusal(401, "Bad token"))
        errors = StringIO()
        assert call("--loop", "--max-seconds", "1", stderr=errors).count("\n") == 1
        assert "Reconciling failed (OperationalError)" in caplog.text
        assert errors.getvalue() == (
            "Stopped for project 4100: Picky Assist answered 401: Bad token.\n"
        )

    def test_a_stopped_project_gets_another_turn(self, vendor, clock):
        wanted, current = work.Wanted(), work.Run()
        send(vendor)
        clock.advance(hours=1)
        vendor.misbehave(stand_in.refusal(401))
        turn = partial(work.reconcile, wanted, current, lambda: False, time.sleep)
        turn()
        clock.advance(minutes=10)
        turn()
        assert len(vendor.calls) == 1
        clock.advance(minutes=6)
        turn()
        assert current.counts["settled"] == 1


@pytest.mark.django_db(transaction=True)
class TestWorkers:
    def test_share_the_work(self, vendor, clock, listen):
        calls = listen("delivery_received")
        for _ in range(20):
            send(vendor)
        clock.advance(hours=1)
        results = at_once(*[run] * 4)
        assert sum(each["asked"] for each in results) == len(vendor.calls) == 20
        assert sum(each["settled"] for each in results) == 20
        assert len(calls) == DeliveryReport.objects.count() == 20

    def test_share_the_rate(self, vendor, clock, configure):
        configure(**vendor.settings, API_CALLS_PER_MINUTE=300)
        for _ in range(8):
            send(vendor)
        clock.advance(hours=1)
        at_once(*[run] * 3)
        times = sorted(at for _, _, at in vendor.calls)
        assert len(times) == 8
        assert times[-1] - times[0] >= 7 * 60 / 300 - 0.1

    def test_turns(self):
        spacing = timedelta(minutes=1)
        taken = at_once(*[partial(take_turn, DELIVERY_REPORTS, spacing)] * 8)
        assert taken.count(timedelta()) == 1
        assert take_turn(DELIVERY_REPORTS, spacing) > timedelta(seconds=50)
        assert str(CallRate.objects.get()) == "delivery_reports"

    def test_a_clock_that_was_wrong(self):
        take_turn(DELIVERY_REPORTS, timedelta(minutes=1))
        CallRate.objects.update(free_at=timezone.now() + LONGEST_HOLD * 2)
        assert take_turn(DELIVERY_REPORTS, timedelta(minutes=1)) == timedelta()

    def test_a_faster_worker(self, vendor, clock, monkeypatch):
        """It claimed the push since this one chose it."""
        push = send(vendor)
        clock.advance(hours=1)

        def late(name, spacing):
            Push.objects.claim([push.pk])
            return timedelta()

        monkeypatch.setattr(work, "take_turn", late)
        assert run() == result()
        assert not vendor.calls

    def test_a_worker_that_was_killed(self, vendor, clock, monkeypatch):
        """After the answer was committed: the sweep processes it, and the push is asked again."""

        def killed(pk):
            raise KeyboardInterrupt

        send(vendor)
        clock.advance(hours=1)
        with monkeypatch.context() as context:
            context.setattr(work, "process", killed)
            with pytest.raises(KeyboardInterrupt):
                run()
        assert WebhookRequest.objects.get().state == "received"
        assert sweep() == {"done": 1}
        assert Message.objects.get().status == 1
        assert run() == result()
        clock.advance(minutes=2)
        assert run() == result(settled=1)
        assert len(vendor.calls) == 1

    def test_a_worker_that_was_too_slow(self, vendor, clock, monkeypatch):
        """Another one has the push by now, and decides."""
        push = send(vendor)
        clock.advance(hours=1)

        def slow(*arguments):
            Push.objects.update(claimed_by="another")
            return client.fetch(*arguments)

        monkeypatch.setattr(work, "fetch", slow)
        assert run()["asked"] == 1
        push.refresh_from_db()
        assert (push.state, push.claimed_by, push.asked_at) == ("open", "another", None)
        assert Message.objects.get().status == 1


def everything_stored():
    """Return all values of all rows as one text."""
    values = []
    for model in apps.get_app_config("pickyassist_webhooks").get_models():
        for each in model._default_manager.values_list():
            values += [bytes(v) if isinstance(v, bytes | memoryview) else v for v in each]
    return repr(values)


class TestToken:
    ECHOES = (
        stand_in.refusal(500, f"no token {stand_in.TEST_TOKEN}"),
        stand_in.refusal(stand_in.TEST_TOKEN, "x" * 190 + stand_in.TEST_TOKEN),
        Misbehaviour(body=json.dumps({"data": [], "token": stand_in.TEST_TOKEN}).encode()),
        Misbehaviour(body=b'{"data": [], "t": "\\u006f%s"}' % stand_in.TEST_TOKEN[1:].encode()),
        Misbehaviour(500, body=stand_in.TEST_TOKEN.encode()),
        stand_in.redirect(f"http://127.0.0.1:9/{stand_in.TEST_TOKEN}"),
        Misbehaviour(200, {"X\tbroken": stand_in.TEST_TOKEN}),
    )

    @pytest.mark.parametrize("echo", ECHOES, ids=range(len(ECHOES)))
    def test_is_in_no_log_row_or_page(self, echo, vendor, clock, caplog, root):
        caplog.set_level(logging.DEBUG)
        push = send(vendor)
        clock.advance(hours=1)
        vendor.misbehave(echo)
        output = call()
        clock.advance(hours=1)
        output += call()
        page = root.get(reverse("admin:pickyassist_webhooks_push_change", args=[push.pk]))
        texts = (output, caplog.text, everything_stored(), page.content.decode())
        assert "HTTP Request: POST" in caplog.text
        for text in texts:
            assert stand_in.TEST_TOKEN not in text
            assert stand_in.TEST_TOKEN[1:] not in text

    def test_a_token_that_json_escapes(self, vendor, clock, configure):
        token = 'a "quoted" \\ token'
        vendor.token = token
        configure(**vendor.settings)
        send(vendor)
        clock.advance(hours=1)
        vendor.misbehave(stand_in.refusal(500, f"no token {token}"))
        assert run()["failed"] == 1
        assert "answered 500: no token ***" in Push.objects.get().error
        clock.advance(hours=1)
        vendor.misbehave(Misbehaviour(body=json.dumps({"data": [], "t": [token]}).encode()))
        assert run()["failed"] == 1
        assert "the answer repeats the token" in Push.objects.get().error

    @pytest.mark.parametrize("code", [401, 405, 408])
    def test_an_error_that_repeats_it_stops_the_project(self, code, vendor, clock):
        for _ in range(3):
            send(vendor)
        clock.advance(hours=1)
        vendor.misbehave(stand_in.refusal(code, f"The token {stand_in.TEST_TOKEN} is not valid"))
        reason = rf"project 4100: Picky Assist answered {code}: The token \*\*\* is not valid"
        with pytest.raises(CommandError, match=reason):
            call()
        assert Push.objects.exclude(error="").count() == 1

    @pytest.mark.parametrize(
        "status",
        [{"t": stand_in.TEST_TOKEN}, [[stand_in.TEST_TOKEN]], {stand_in.TEST_TOKEN: 1}],
        ids=["value", "list", "name"],
    )
    def test_an_error_whose_status_is_no_code(self, status, vendor, clock):
        send(vendor)
        clock.advance(hours=1)
        vendor.misbehave(stand_in.refusal(status))
        assert run()["failed"] == 1
        # No part of it: the status is cut.
        assert stand_in.TEST_TOKEN[:10] not in everything_stored()
        assert "***" in Push.objects.get().error

    def test_a_short_one_that_is_a_part_of_a_number(self, vendor, clock, configure):
        vendor.token = "1555"
        configure(**vendor.settings)
        send(vendor)
        clock.advance(hours=1)
        assert run()["failed"] == 0
        send(vendor)
        clock.advance(hours=1)
        vendor.misbehave(Misbehaviour(body=b'{"data": [], "token": "1555"}'))
        assert run()["failed"] == 1

    def test_is_in_no_traceback(self, vendor, configure):
        configure(**vendor.settings | {"API_URL": "http://127.0.0.1:9/"})
        with pytest.raises(ReportsNotFetched) as caught:
            client.fetch("1", stand_in.TEST_TOKEN)
        assert caught.value.__context__ is None
        assert caught.value.__cause__ is None


class TestVendor:
    def test_a_course_of_any_kind(self, vendor):
        push = vendor.push({}, {}, course=(status for status in (4, 1)))["push_id"]
        assert [message.status for message in vendor.messages[push]] == [1, 1]

    def test_a_message_without_a_report(self, vendor, clock):
        send(vendor, {"number": "15550001111"}, course=())
        clock.advance(hours=1)
        assert run()["reports"] == 1
        assert Message.objects.get().status == 0

    def test_pushes_over_http(self, vendor):
        import httpx

        body = {"token": vendor.token, "data": [{"number": "1", "reference_number": "A"}]}
        answer = httpx.post(f"{vendor.api_url}push", json=body).json()
        push = record_push(answer, project_id=PROJECT, references="A")
        assert [report["data"][0]["status"] for report in vendor.reports(push.push_id)] == [4, 1]
        assert vendor.messages[push.push_id][0].status == 1
        assert httpx.post(f"{vendor.api_url}other", json=body).status_code == 404
        refused = httpx.post(f"{vendor.api_url}push", content=b"?").json()
        assert refused["status"] == 401

    def test_it_loses_reports(self):
        with FakeVendor(lost=0.2, seed=4) as vendor:
            push_id = vendor.push(*[{}] * 500)["push_id"]
            assert 750 < len(vendor.reports(push_id)) < 850

    def test_its_rate(self, vendor):
        vendor.calls_per_minute = 2
        for _ in range(2):
            client.fetch("1", vendor.token)
        with pytest.raises(ReportsNotFetched, match="HTTP 429") as caught:
            client.fetch("1", vendor.token)
        assert caught.value.retry_after == timedelta(minutes=1)
