"""``pickyassist_simulate``: simulated scenarios, posted over HTTP to a running server."""

from __future__ import annotations

import ast
import itertools
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path
from threading import Thread, Timer

import pytest
from django.core.management import CommandError, call_command
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application

from pickyassist_webhooks import ingest
from pickyassist_webhooks.choices import EventKind, RequestState, progress
from pickyassist_webhooks.conf.values import is_loopback
from pickyassist_webhooks.management import posting, stopping
from pickyassist_webhooks.management.addresses import address
from pickyassist_webhooks.management.commands import pickyassist_simulate
from pickyassist_webhooks.models import (
    MODELS,
    FilterReport,
    Message,
    Push,
    WebhookRequest,
)
from pickyassist_webhooks.models.requests import requests
from pickyassist_webhooks.parsing.payloads import parse
from pickyassist_webhooks.testing import delivery_report
from pickyassist_webhooks.testing.traffic import Noise, in_order, made_up
from tests.requests import SECRET, post, url
from tests.terminal import Terminal

NO_NOISE = Noise()
ROOT = Path(__file__).resolve().parent.parent


def traffic(count, kinds=tuple(EventKind), rows=1, noise=NO_NOISE, seed=1):
    chance = random.Random(seed)
    return list(itertools.islice(in_order(made_up(kinds, rows, chance), noise, chance), count))


def events(postings):
    return [event for each in postings for event in parse(each.body).events]


class TestTraffic:
    def test_all_kinds_and_all_valid(self):
        postings = traffic(200)
        parsed = [parse(each.body) for each in postings]
        assert {payload.kind for payload in parsed} == set(EventKind)
        assert all(each.is_sound for each in postings)
        assert not [payload for payload in parsed if payload.problems or payload.warnings]

    @pytest.mark.parametrize("kind", EventKind)
    def test_one_kind(self, kind):
        assert {parse(each.body).kind for each in traffic(20, [kind])} == {kind}

    def test_a_message_has_realistic_statuses(self):
        """The first is submitted; each later one is progress."""
        statuses = {}
        for event in events(traffic(500, [EventKind.DELIVERY_REPORT])):
            statuses.setdefault(event.fields["msg_id"], []).append(event.fields["status"])
        assert {tuple(steps) for steps in statuses.values()} >= {
            (4, 1, 3),
            (4, 1),
            (4, 2),
            (4, 2, 5),
        }
        for steps in statuses.values():
            assert steps[0] == 4
            assert sorted(steps, key=progress) == steps

    def test_a_person_answers_a_pushed_message(self):
        kinds = [EventKind.DELIVERY_REPORT, EventKind.CHAT_MESSAGE]
        numbers = {}
        answers = 0
        for event in events(traffic(300, kinds)):
            if "msg_id" in event.fields:
                numbers[event.fields["msg_id"]] = event.fields["number"]
            elif answered := event.fields["context_msg_id"]:
                assert numbers[answered] == event.fields["number"]
                assert event.fields["content"] == "reply"
                answers += 1
        assert answers > 10

    def test_batches(self):
        sizes = [len(events([each])) for each in traffic(50, [EventKind.DELIVERY_REPORT], rows=20)]
        assert max(sizes) == 20
        assert min(sizes) < 20  # not every message has a second or third report

    def test_a_member_joins_before_leaving(self):
        inside = set()
        exits = 0
        for event in events(traffic(300, [EventKind.GROUP_MEMBER])):
            member = (event.fields["group_id"], event.fields["number"])
            if event.fields["action"] == 1:
                inside.add(member)
            else:
                inside.remove(member)
                exits += 1
        assert exits

    def test_repeats(self):
        bodies = Counter(each.body for each in traffic(400, noise=Noise(repeats=0.2)))
        assert 20 < sum(count == 2 for count in bodies.values()) < 120

    def test_disorder(self):
        kinds = [EventKind.DELIVERY_REPORT]
        statuses = {}
        for event in events(traffic(400, kinds, noise=Noise(disorder=0.5))):
            statuses.setdefault(event.fields["msg_id"], []).append(event.fields["status"])
        assert any(sorted(steps, key=progress) != steps for steps in statuses.values())

    def test_garbage(self):
        postings = traffic(400, noise=Noise(garbage=0.2))
        garbage = {each.body for each in postings if not each.is_sound}
        assert len(garbage) > 5
        assert not [body for body in garbage if events([postings[0]]) and parse(body).events]

    def test_the_same_seed_makes_the_same_requests(self):
        def kinds(seed):
            noise = Noise(0.1, 0.1, 0.1)
            return [parse(each.body).kind for each in traffic(100, noise=noise, seed=seed)]

        assert kinds(1) == kinds(1) != kinds(2)

    def test_finite_scenarios_end(self):
        scenario = next(made_up([EventKind.FILTER_REPORT], 1, random.Random(1)))
        twice = list(in_order([scenario], Noise(repeats=1), random.Random(1)))
        assert twice == [scenario[0][1]] * 2


class TestServer:
    @pytest.mark.parametrize(
        ("host", "is_local"),
        [
            ("localhost", True),
            ("127.0.0.1", True),
            ("127.9.9.9", True),
            ("::1", True),
            ("127.0.0.1.example.com", False),
            ("localhost.example.com", False),
            ("10.0.0.1", False),
            ("0.0.0.0", False),  # noqa: S104
            ("", False),
        ],
    )
    def test_loopback(self, host, is_local):
        assert is_loopback(host) is is_local

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "shop.example",
            "ftp://127.0.0.1/",
            "http://",
            "http://[::1",
            "http://127.0.0.1:x/",
            "http://127.0.0.1:0/",
            "http://127.0.0.1/events/\n",
            "http://127.0.0.1/events/é/",
            "http://127.0.0.1/a b/",
        ],
    )
    def test_an_invalid_url(self, text):
        with pytest.raises(CommandError, match="Expected a URL") as raised:
            address(text)
        assert len(text) < 10 or text not in str(raised.value)

    def test_without_a_path_it_is_that_of_the_project(self, settings):
        assert address("http://127.0.0.1:8000").path == url()
        assert address("http://[::1]/").hostname == "::1"
        assert address("http://127.0.0.1/hooks/x/?a=b").query == "a=b"
        settings.PICKYASSIST_WEBHOOKS = {}
        with pytest.raises(CommandError, match="pickyassist_setup"):
            address("http://127.0.0.1:8000")

    @pytest.mark.parametrize("arguments", [[], ["--recorded"]])
    def test_another_machine(self, arguments):
        with pytest.raises(CommandError, match=r"shop\.example is not this machine.*--yes-remote"):
            call_command("pickyassist_simulate", "https://shop.example/events/x/", *arguments)

    @pytest.mark.parametrize("host", ["shop.invalid", "shop..invalid"])
    def test_another_machine_is_allowed_with_the_option(self, host):
        """The name cannot be resolved, so it stops there."""
        with pytest.raises(CommandError, match=f"No server at {re.escape(host)}:443"):
            call_command("pickyassist_simulate", f"https://{host}/events/x/", "--yes-remote")

    def test_no_server(self):
        with pytest.raises(CommandError, match="runserver"):
            call_command("pickyassist_simulate", "http://127.0.0.1:9")

    @pytest.mark.parametrize("wrong", ["-1", "101", "x", "1.5"])
    def test_percents(self, wrong):
        with pytest.raises(CommandError, match="0 to 100"):
            call_command("pickyassist_simulate", f"--repeats={wrong}")


@pytest.fixture
def served(transactional_db):
    """Serve the app in threads of this process; return the URL."""
    httpd = ThreadedWSGIServer(("127.0.0.1", 0), QuietHandler)
    httpd.daemon_threads = False  # closing waits for them: one must not write into the next test
    httpd.set_app(get_wsgi_application())
    Thread(target=httpd.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{httpd.server_port}"
    httpd.shutdown()
    httpd.server_close()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class QuietHandler(WSGIRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture
def simulate(served):
    def run(*arguments, to=served, stdout=None, stderr=None):
        output = stdout or StringIO()
        call_command("pickyassist_simulate", to, *arguments, stdout=output, stderr=stderr)
        return output.getvalue()

    return run


class TestPosting:
    def test_it_becomes_rows(self, simulate):
        output = simulate("--count", "60", "--seed", "1")
        assert WebhookRequest.objects.filter(state=RequestState.DONE).count() == 60
        counts = [model.objects.count() for model in MODELS.values()]
        assert min(counts) > 0
        assert sum(counts) == 60
        assert Message.objects.values("status").distinct().count() > 1
        assert "60 requests in" in output
        assert "      60  200 done" in output
        assert "Rows: new 60, repeats 0, problems 0" in output
        assert SECRET not in output

    def test_noise(self, simulate):
        output = simulate(
            *("--count", "120", "--rows", "3", "--seed", "1", "--json"),
            *("--repeats", "20", "--disorder", "20", "--garbage", "20"),
        )
        summary = json.loads(output)
        assert summary["requests"] == sum(summary["answers"].values()) == 120
        assert summary["unexpected"] == 0
        assert set(summary["answers"]) > {"200 done", "400 quarantined"}
        assert summary["rows"]["repeats"] > 0
        assert summary["rows"]["problems"] > 0
        assert summary["milliseconds"]["slowest"] >= summary["milliseconds"]["median"] > 0

    def test_one_kind_at_a_rate(self, simulate):
        output = simulate("--kind", "filter_report", "--count", "10", "--rate", "20", "--json")
        assert 0.45 <= json.loads(output)["seconds"] < 5
        assert FilterReport.objects.count() == 10

    def test_several_at_a_time(self, simulate, monkeypatch):
        output = simulate("--count", "40", "--connections", "4", "--json")
        assert json.loads(output)["rows"]["accepted"] == 40

    @pytest.mark.django_db(transaction=True)
    def test_reports_that_the_server_refuses_are_lost_too(self, odd, monkeypatch):
        def end(stopped, seconds):
            stopped.asked = True

        monkeypatch.setattr(stopping.Stop, "wait", end)
        errors, to = StringIO(), f"http://127.0.0.1:{odd}/x/"
        arguments = ("--count=3", "--lose=0", "--api-port", str(free_port()))
        with pytest.raises(CommandError, match=r"\d+ of \d+ requests failed"):
            call_command("pickyassist_simulate", to, *arguments, stdout=StringIO(), stderr=errors)
        assert "Serving until Ctrl-C" in errors.getvalue()

    def test_lost_reports_are_fetched(self, simulate, settings, monkeypatch):
        def fetch(stopped, seconds):
            """Reconcile instead of waiting for Ctrl-C."""
            keys = ast.literal_eval(re.search(r"{.*}", errors.getvalue())[0])
            settings.PICKYASSIST_WEBHOOKS = {**settings.PICKYASSIST_WEBHOOKS, **keys} | {
                "API_CALLS_PER_MINUTE": 60000
            }
            push_ids = Push.objects.values_list("push_id", flat=True)
            asked = [argument for push_id in push_ids for argument in ("--push-id", push_id)]
            call_command("pickyassist_reconcile", *asked, stdout=StringIO())
            stopped.asked = True

        monkeypatch.setattr(stopping.Stop, "wait", fetch)
        port, errors = str(free_port()), StringIO()
        arguments = ("--count", "20", "--rows", "3", "--lose", "40", "--seed", "1")
        simulate(*arguments, "--api-port", port, "--json", stderr=errors)
        assert re.match(r"Lost [1-9]\d* reports", errors.getvalue())
        assert f"127.0.0.1:{port}" in errors.getvalue()
        assert Push.objects.count() == 20
        statuses = set(Message.objects.values_list("status", flat=True))
        assert statuses <= {1, 2, 3, 4, 5}
        assert Message.objects.count() == 60
        assert WebhookRequest.objects.filter(origin="pull").exists()

    def test_a_port_that_is_in_use(self, simulate, served):
        port = served.rpartition(":")[2]
        with pytest.raises(CommandError, match=f"Cannot serve on port {port}"):
            simulate("--lose", "5", "--api-port", port)
        with pytest.raises(CommandError, match="Cannot serve on port 99999"):
            simulate("--lose", "5", "--api-port", "99999")

    @pytest.mark.parametrize("option", [("--kind", "group_member"), ("--recorded",)])
    def test_only_delivery_reports_can_be_lost(self, option, simulate):
        with pytest.raises(CommandError, match="--lose cannot be combined"):
            simulate("--lose", "5", *option)

    def test_progress_on_a_terminal(self, simulate):
        terminal = Terminal()
        simulate("--count", "5", stderr=terminal)
        assert "[########################] 5 of 5 posted (100%" in terminal.getvalue()

    def test_recorded_requests(self, simulate):
        """They keep their body, content type, query and order."""
        for status in (4, 1):
            post(delivery_report(msg_id="M1", status=status))
        post(b"cut", to=f"{url()}?campaign=7+%20&b", content_type="text/plain")
        post(delivery_report(msg_id="erased"))
        requests().filter(pk=requests().latest("pk").pk).update(
            erased_at=requests().latest("pk").received_at
        )
        before = list(requests().order_by("pk"))[:3]
        summary = json.loads(simulate("--recorded", "--json"))
        assert summary["answers"] == {"200 done": 2, "400 quarantined": 1}
        assert summary["rows"]["repeats"] == 2
        again = list(requests().order_by("pk"))[4:]
        for old, new in zip(before, again, strict=True):
            assert (bytes(old.body), old.content_type, old.query) == (
                bytes(new.body),
                new.content_type,
                new.query,
            )

    def test_a_query_that_no_request_line_can_have(self, simulate):
        post(delivery_report(), to=f"{url()}?a b é")
        assert json.loads(simulate("--recorded", "--json"))["answers"] == {"200 done": 1}

    def test_the_newest_recorded_of_a_kind(self, simulate):
        for number in (1, 2, 3):
            post(delivery_report(msg_id=f"M{number}"))
        post(b"cut")
        arguments = ("--recorded", "--kind", "delivery_report", "--count", "2", "--json")
        assert json.loads(simulate(*arguments))["requests"] == 2
        again = list(requests().order_by("pk"))[4:]
        ids = [json.loads(bytes(each.body))["data"][0]["msg_id"] for each in again]
        assert ids == ["M2", "M3"]

    def test_nothing_recorded(self, simulate):
        with pytest.raises(CommandError, match="no such requests"):
            simulate("--recorded")

    def test_recorded_garbage_that_was_discarded(self, simulate):
        post(b"ping")
        ingest.discard(WebhookRequest.objects.get().pk, "someone", "no matter")
        assert json.loads(simulate("--recorded", "--json"))["answers"] == {"400 quarantined": 1}

    def test_without_a_content_type(self, simulate):
        post(delivery_report(), content_type="")
        simulate("--recorded")
        # The server of this test sets a default if there is none.
        assert [each.content_type for each in requests().order_by("pk")] == [
            "",
            "text/plain",
        ]

    def test_a_wrong_secret(self, simulate, served):
        with pytest.raises(CommandError, match="5 of 5 requests failed"):
            simulate("--count", "5", to=f"{served}{url('wrong' * 8)}")
        assert not WebhookRequest.objects.exists()

    def test_the_responses_until_it_was_interrupted(self, simulate, monkeypatch):
        post_all = posting.post_all

        def interrupted(*args, **named):
            yield from itertools.islice(post_all(*args, **named), 3)
            raise KeyboardInterrupt

        monkeypatch.setattr(pickyassist_simulate, "post_all", interrupted)
        output = StringIO()
        with pytest.raises(CommandError, match="Interrupted") as raised:
            simulate("--json", stdout=output)
        assert raised.value.returncode == 130
        assert json.loads(output.getvalue())["requests"] == 3

    def test_the_same_seed(self, simulate):
        kinds = []
        for seed in ("7", "7", "8"):
            WebhookRequest.objects.all().delete()
            simulate("--count", "40", "--repeats", "30", "--garbage", "30", "--seed", seed)
            requests = WebhookRequest.objects.order_by("pk")
            kinds.append(list(requests.values_list("kind", "problem_count")))
        assert kinds[0] == kinds[1] != kinds[2]

    def test_nothing_is_posted_after_hanging_up(self, served):
        sender = posting._Sender(address(served))
        sender.hang_up()
        assert sender.post(traffic(1)[0]).name == "no answer (ConnectionAbortedError)"
        assert not WebhookRequest.objects.exists()

    def test_a_project_that_is_not_accepted(self, simulate, settings):
        settings.PICKYASSIST_WEBHOOKS = settings.PICKYASSIST_WEBHOOKS | {"PROJECT_IDS": ["7"]}
        assert json.loads(simulate("--count", "9", "--json"))["unexpected"] == 0
        with pytest.raises(CommandError, match="9 of 9"):
            simulate("--count", "9", "--project-id", "8")
        assert json.loads(simulate("--count", "9", "--project-id", "7", "--json"))["requests"] == 9


class TestAnswers:
    """The responses that count as expected."""

    @pytest.mark.parametrize(
        ("is_sound", "status", "content", "is_expected"),
        [
            (True, 200, {"ok": True}, True),
            (True, 200, {"ok": False, "state": "quarantined"}, False),
            (True, 200, {}, False),
            (True, 400, {"ok": False}, False),
            (True, 0, {}, False),
            (False, 200, {"ok": False}, True),
            (False, 400, {"ok": False}, True),
            (False, 415, {"ok": False}, True),
            (False, 400, {}, False),
            (False, 403, {"ok": False}, False),
            (False, 503, {"ok": False}, False),
        ],
    )
    def test_expected_ones(self, is_sound, status, content, is_expected):
        assert posting.Answer(is_sound, status, content=content).is_expected is is_expected

    def test_times(self):
        answers = [posting.Answer(True, 200, number / 1000) for number in range(1, 101)]
        answers.append(posting.Answer(True, fault="no answer (TimeoutError)"))
        took = pickyassist_simulate.summarize(answers, 1)["milliseconds"]
        assert took == {"median": 50.5, "p95": 95.0, "slowest": 100.0}


class Odd(BaseHTTPRequestHandler):
    """Respond with 200 but other content than this app; the second time, do not respond."""

    bodies = (
        b"<html>",
        None,
        b"[]",
        b"null",
        b'{"ok": true, "accepted": "many", "state": ["a"]}',
        b'{"ok": true, "state": "\\u001b[31mred"}',
        b"[" * 50_000,
    )
    answers = iter(bodies)

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        body = next(self.answers)
        if body is None:
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def odd():
    Odd.answers = iter(Odd.bodies)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Odd)
    Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def test_a_server_with_another_program(odd):
    output = StringIO()
    with pytest.raises(CommandError, match="5 of 7"):
        call_command(
            "pickyassist_simulate", f"http://127.0.0.1:{odd}/x/", "--count=7", stdout=output
        )
    assert "       6  200\n       1  no answer (RemoteDisconnected)" in output.getvalue()
    assert "\x1b" not in output.getvalue()


def test_https_is_used(odd):
    output = StringIO()
    with pytest.raises(CommandError, match="1 of 1"):
        call_command(
            "pickyassist_simulate", f"https://127.0.0.1:{odd}/x/", "--count=1", stdout=output
        )
    assert "no answer (SSLError)" in output.getvalue()


@pytest.fixture
def silent():
    """Accept connections without a response."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(20)
        listening.settimeout(30)
        yield listening


def address_of(listening):
    return f"http://127.0.0.1:{listening.getsockname()[1]}/x/"


def test_a_silent_server(silent, monkeypatch):
    monkeypatch.setattr(posting, "TIMEOUT", 0.2)
    output = StringIO()
    with pytest.raises(CommandError, match="2 of 2"):
        call_command("pickyassist_simulate", address_of(silent), "--count=2", stdout=output)
    assert "2  no answer (TimeoutError)" in output.getvalue()


@pytest.mark.django_db(transaction=True)
def test_interrupted_before_all_are_posted(silent):
    """Then it does not serve the reports that are missing."""
    # A shell starts background processes with SIGINT ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    arguments = ("--count=99", "--lose=1", f"--api-port={free_port()}")
    try:
        Timer(1, signal.raise_signal, [signal.SIGINT]).start()
        with pytest.raises(CommandError, match="Interrupted"):
            call_command("pickyassist_simulate", address_of(silent), *arguments, stdout=StringIO())
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("connections", ["1", "8"])
def test_interrupted(silent, connections):
    """The command does not wait for a silent server."""
    command = ["pickyassist_simulate", address_of(silent), "--count=99"]
    code = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    code += "from django.core.management import execute_from_command_line as run; run(sys.argv)"
    process = subprocess.Popen(
        [sys.executable, "-c", code, *command, f"--connections={connections}"],
        cwd=ROOT,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    # The first connection only checks that a server is there.
    taken = [silent.accept()[0] for _ in range(1 + int(connections))]
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=10)
    for each in taken:
        each.close()
    assert process.returncode == 130, errors
    assert "0 requests in" in output
    assert "Interrupted" in errors
