"""The commands, called as a person calls them; the worker also as a separate process."""

from __future__ import annotations

import importlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from argparse import ArgumentTypeError
from datetime import timedelta
from io import StringIO
from pathlib import Path
from threading import Event, Thread, Timer

import pytest
from django.core.management import CommandError, call_command
from django.core.management.base import OutputWrapper
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from pickyassist_webhooks import ingest, signals
from pickyassist_webhooks.inbox import spool
from pickyassist_webhooks.inbox import worker as worker_module
from pickyassist_webhooks.inbox.sweep import sweep
from pickyassist_webhooks.management.arguments import moment, operator, positive
from pickyassist_webhooks.management.base import AppCommand
from pickyassist_webhooks.management.commands import pickyassist_process
from pickyassist_webhooks.management.progress import Progress
from pickyassist_webhooks.models import DeliveryReport, ReceiverFailure, WebhookRequest
from pickyassist_webhooks.models.requests import WebhookRequestQuerySet
from tests import databases
from tests.requests import SECRET, delivery, filtered, keep, member, post, row, subscriber
from tests.terminal import Terminal

pytestmark = pytest.mark.django_db(transaction=True)

ROOT = Path(__file__).parent.parent


def call(name, *args, **options):
    output = StringIO()
    call_command(f"pickyassist_{name}", *args, stdout=output, **options)
    return output.getvalue()


class TestProcess:
    def test_one_sweep(self):
        for payload in (delivery(), member(), {}):
            keep(payload)
        assert call("process") == "Processed 3 (2 done, 1 quarantined).\n"
        assert call("process") == "Processed 0.\n"
        keep(delivery(row("claimed by a worker that was killed")), claimed=True)
        assert re.fullmatch(
            r"Processed 0\. 1 more in progress or waiting; next retry in (59|60) s\.\n",
            call("process"),
        )

    def test_json(self):
        keep(delivery())
        result = json.loads(call("process", "--json"))
        assert result.pop("seconds") >= 0
        assert result == {"processed": 1, "states": {"done": 1}, "drained": 0}

    def test_progress_on_a_terminal(self):
        keep(delivery())
        terminal = Terminal()
        call("process", stderr=terminal)
        assert "1 of 1 processed (100%" in terminal.getvalue()
        silent = StringIO()
        call("process", stderr=silent)
        assert silent.getvalue() == ""

    def test_progress_does_not_flicker(self):
        terminal = Terminal()
        line = Progress(OutputWrapper(terminal), 1000, "done")
        for number in range(1, 1001):
            line(number)
        assert terminal.getvalue().count("\r") < 20
        assert "1,000 of 1,000 done (100%" in terminal.getvalue()
        Progress(OutputWrapper(terminal), 0, "done")(0)
        assert "0 of 1 done (0%" in terminal.getvalue()

    def test_progress_ends_a_line_that_it_began(self):
        terminal = Terminal()
        with Progress(OutputWrapper(terminal), 1, "done"):
            pass
        assert terminal.getvalue() == ""
        with Progress(OutputWrapper(terminal), 1, "done") as line:
            line(1)
        assert terminal.getvalue().endswith("/s) \n")

    def test_a_spool_is_drained(self, settings, tmp_path):
        settings.PICKYASSIST_WEBHOOKS = {**settings.PICKYASSIST_WEBHOOKS, "SPOOL_DIR": tmp_path}
        spool.write(WebhookRequest.objects.new(json.dumps(member()).encode()))
        assert call("process") == "Processed 1 (1 done). Took 1 from the spool.\n"

    def test_a_database_that_fails(self, monkeypatch):
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE pickyassist_webhooks_webhookrequest RENAME TO taken_away")
        try:
            with pytest.raises(CommandError, match="No data is lost; run this again"):
                call("process")
        finally:
            with connection.cursor() as cursor:
                cursor.execute(
                    "ALTER TABLE taken_away RENAME TO pickyassist_webhooks_webhookrequest"
                )

    @pytest.mark.parametrize("wrong", ["0", "-1", "x", "1.5", "٣", "9" * 30])
    def test_a_wrong_batch(self, wrong):
        with pytest.raises(ArgumentTypeError, match="expected a whole number of 1 or more"):
            positive(wrong)

    def test_many_small_requests_share_a_transaction(
        self, django_assert_max_num_queries, monkeypatch
    ):
        # A look at the health, once a minute, has statements of its own.
        monkeypatch.setattr(pickyassist_process, "look", lambda: None)
        for number in range(100):
            keep(delivery(row(f"m{number}", "4"), row(f"m{number}", "1")))
        # 14 for the batch and the next query; one by one needs hundreds.
        with django_assert_max_num_queries(25):
            assert call("process") == "Processed 100 (100 done).\n"
        assert DeliveryReport.objects.count() == 200

    def test_all_kinds_in_one_batch_as_one_by_one(self, listen):
        kinds = [delivery(), filtered(), member(), subscriber(), member(2), member(2), {}]
        called = {name: listen(name) for name in ("delivery_received", "member_exited")}
        for payload in kinds:
            keep(payload)
        keep(delivery())
        assert call("process", "--batch", "50") == "Processed 8 (7 done, 1 quarantined).\n"
        counts = WebhookRequest.objects.order_by("pk").values_list("event_count", "repeat_count")
        assert list(counts) == [*[(1, 0)] * 5, (0, 1), (0, 0), (0, 1)]
        assert {name: len(calls) for name, calls in called.items()} == {
            "delivery_received": 1,
            "member_exited": 1,
        }

    def test_one_request_that_cannot_be_stored_costs_no_other(self, listen, monkeypatch, caplog):
        def fails(body, content_type, parse=worker_module.parse):
            if b"poison" in body:
                raise ZeroDivisionError
            return parse(body, content_type)

        monkeypatch.setattr(worker_module, "parse", fails)
        for name in ("a", "poison", "b"):
            keep(delivery(row(name)))
        assert call("process") == (
            "Processed 3 (2 done, 1 received). 1 more in progress or waiting; next retry in 30 s.\n"
        )
        assert "requests one by one" in caplog.text

    def test_large_requests_go_alone(self):
        rows = [row(f"m{number}", message="x" * 1000) for number in range(2000)]
        keep(delivery())
        keep(delivery(*rows))
        keep(delivery(row("last")))
        assert call("process") == "Processed 3 (3 done).\n"
        assert DeliveryReport.objects.count() == 2002


@pytest.fixture
def worker():
    """Start ``pickyassist_process --loop`` as a process on the database of this test."""
    started = []

    def worker(*arguments, command=("-m", "django", "pickyassist_process", "--loop"), within=()):
        environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "tests.server_settings",
            databases.CHOICE: databases.chosen(),
            "SERVER_DATABASE": connection.settings_dict["NAME"],
        }
        process = subprocess.Popen(
            [*within, sys.executable, *command, *arguments],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        started.append(process)
        return process

    yield worker
    for process in started:
        process.kill()
        process.communicate()


#: A worker whose receiver prints a line and then never returns.
HANGING = """
import time, django
from django.core.management import call_command
from pickyassist_webhooks import signals
django.setup()
def hang(**named):
    print("hanging", flush=True)
    while True:
        try:
            time.sleep(60)
        except Exception:
            pass
signals.member_joined.connect(hang)
call_command("pickyassist_process", "--loop")
"""
#: Runs a program as the first process, as a container does.
UNSHARE = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child")


def may_unshare():
    try:
        return subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:  # only Linux has it
        return False


def first_process_in(process):
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return int(children) if children else process.pid


def handles(process, number):
    """Tell whether a process has a handler for a signal."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    [handled] = re.findall(r"SigCgt:\s*([0-9a-f]+)", status)
    return bool(int(handled, 16) >> (number - 1) & 1)


def wait_for(condition):
    for _ in range(300):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("expected this within 30 s")


class TestWorker:
    def test_several_share_the_work_and_stop_cleanly(self, worker):
        for number in range(400):
            keep(delivery(row(f"m{number}")))
        workers = [worker("--json", "--batch", "20") for _ in range(2)]
        wait_for(lambda: WebhookRequest.objects.filter(state="done").count() == 400)
        keep(member())
        wait_for(lambda: WebhookRequest.objects.filter(state="done").count() == 401)
        for process in workers:
            # One may have done all the work while the other was still starting.
            wait_for(lambda process=process: handles(process, signal.SIGTERM))
            process.send_signal(signal.SIGTERM)
        processed = 0
        for process in workers:
            output, errors = process.communicate(timeout=20)
            assert (process.returncode, errors) == (0, b"")
            processed += sum(json.loads(line)["processed"] for line in output.splitlines())
        assert processed == 401
        assert set(WebhookRequest.objects.values_list("attempts", flat=True)) == {1}

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_a_signal_lets_it_finish_what_it_does(self, number, listen):
        before = signal.getsignal(number)
        listen("member_joined", lambda **named: signal.raise_signal(number))
        keep(member())
        assert call("process", "--loop", "--batch", "1") == "Processed 1 (1 done).\n"
        assert signal.getsignal(number) is before

    @pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
    @pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT])
    def test_it_leaves_at_the_second_one(self, listen, first, second):
        def twice(**named):
            signal.raise_signal(first)
            signal.raise_signal(second)

        listen("member_joined", twice)
        keep(member())
        before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
        with pytest.raises(KeyboardInterrupt):
            call("process", "--loop")
        assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before

    @pytest.mark.parametrize("within", [(), UNSHARE] if may_unshare() else [()])
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_it_leaves_a_receiver_that_hangs(self, worker, within, number):
        keep(member())
        process = worker(command=("-c", HANGING), within=within)
        assert process.stdout.readline() == b"hanging\n"
        pid = first_process_in(process) if within else process.pid
        os.kill(pid, number)
        time.sleep(0.5)
        assert process.poll() is None  # it waits for the current request
        os.kill(pid, number)
        _, errors = process.communicate(timeout=10)
        assert process.returncode
        assert b"KeyboardInterrupt" in errors
        assert WebhookRequest.objects.get().state == "stored"  # another worker processes it

    def test_it_continues_after_a_fault_of_the_database(self, listen, monkeypatch, caplog):
        def fails_once(requests, due=WebhookRequestQuerySet.due):
            monkeypatch.setattr(WebhookRequestQuerySet, "due", due)
            raise OperationalError

        monkeypatch.setattr(WebhookRequestQuerySet, "due", fails_once)
        monkeypatch.setattr(pickyassist_process, "PAUSE_AFTER_FAULT", 0.01)
        listen("member_joined", lambda **named: signal.raise_signal(signal.SIGTERM))
        keep(member())
        assert call("process", "--loop") == "Processed 1 (1 done).\n"
        assert "The sweep failed (OperationalError)" in caplog.text

    def test_with_nothing_to_do_it_waits_and_prints_nothing(self):
        Timer(0.2, signal.raise_signal, [signal.SIGTERM]).start()
        assert call("process", "--loop") == ""

    def test_in_a_thread_without_signal_handlers(self):
        keep(member())
        outputs = []

        def run():
            outputs.append(call("process"))
            connection.close()

        thread = Thread(target=run)
        thread.start()
        thread.join()
        assert outputs == ["Processed 1 (1 done).\n"]

    def test_it_survives_a_database_that_fails(self, worker):
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE pickyassist_webhooks_webhookrequest RENAME TO taken_away")
        process = worker()
        first_error = process.stderr.readline()  # waits for the first error
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE taken_away RENAME TO pickyassist_webhooks_webhookrequest")
        assert process.poll() is None
        keep(member())
        wait_for(lambda: WebhookRequest.objects.filter(state="done").count() == 1)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=20)
        assert process.returncode == 0
        assert output == b"Processed 1 (1 done).\n"
        assert b"The sweep failed" in first_error + errors


def test_tasks_can_be_discovered_without_celery(monkeypatch):
    for name in ("celery", "pickyassist_webhooks.tasks", "pickyassist_webhooks.engines.celery"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "celery", None)  # importing it fails, with another error
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("celery")
    importlib.import_module("pickyassist_webhooks.tasks")


def test_a_worker_releases_requests_it_will_not_finish(listen):
    calls = listen("member_joined")
    for number in range(3):
        keep(member(number=str(number)))
    stopped = []
    listen("member_joined", lambda **named: stopped.append(True))
    assert sweep(stop=lambda: bool(stopped)) == {"done": 1, "stored": 2}
    assert WebhookRequest.objects.filter(claimed_by="").count() == 3
    # Their claim was no attempt: each stop would use one up.
    assert list(WebhookRequest.objects.order_by("pk").values_list("attempts", flat=True)) == [
        1,
        0,
        0,
    ]
    assert sweep() == {"done": 2}
    assert [call["event"].number for call in calls] == [*"012"]


def test_a_backlog_leaves_a_turn_to_the_spool_and_to_calls(listen):
    for number in range(3):
        keep(member(number=str(number)))
    assert sweep(batch=1, turn=0) == {}
    assert sweep(batch=1) == {"done": 3}

    def breaks_once(**named):
        if not ReceiverFailure.objects.exists():
            raise ValueError

    listen("delivery_received", breaks_once)
    post(delivery())
    ReceiverFailure.objects.update(due_at=timezone.now())
    assert sweep(turn=0) == {}
    assert sweep() == {"done": 1}


class TestBatch:
    def three(self):
        return [keep(member(number=str(number))) for number in range(3)]

    @pytest.mark.parametrize("skips", [True, False])
    def test_claimed_with_and_without_skip_locked(self, skips, monkeypatch):
        features = connection.features
        if features.has_select_for_update_skip_locked or connection.vendor == "sqlite":
            monkeypatch.setattr(features, "has_select_for_update_skip_locked", skips)
        pks = [request.pk for request in self.three()]
        assert [request.pk for request in WebhookRequest.objects.claim(pks)] == pks
        assert WebhookRequest.objects.claim(pks) == []

    def test_another_worker_was_faster_with_all(self, monkeypatch):
        def late(requests, pks, claim=WebhookRequestQuerySet.claim):
            claim(requests, pks)
            return claim(requests, pks)

        self.three()
        monkeypatch.setattr(WebhookRequestQuerySet, "claim", late)
        assert sweep() == {}

    def test_receivers_that_fail_on_some(self, listen):
        def breaks(event, **named):
            if event.number == "1":
                raise ValueError

        listen("member_joined", breaks)
        self.three()
        assert sweep() == {"done": 2, "failing": 1}
        assert ReceiverFailure.objects.count() == 1

    def test_signals_that_cannot_be_sent(self, listen, monkeypatch):
        calls = listen("member_joined")
        fails = [self.three()[1].pk]

        def announce(request, *rest, announce=worker_module.announce):
            if request.pk in fails:
                fails.clear()
                raise ZeroDivisionError
            return announce(request, *rest)

        monkeypatch.setattr(worker_module, "announce", announce)
        assert sweep() == {"done": 2, "stored": 1}
        assert WebhookRequest.objects.filter(claimed_by="").count() == 3
        assert len(calls) == 2

    def test_slow_receivers(self, listen, monkeypatch):
        """Sent signals are recorded from time to time, so that a crash repeats only a few."""
        monkeypatch.setattr(worker_module, "MAX_UNFINISHED", 0)
        states = []

        def look(event, **named):
            states.append(WebhookRequest.objects.filter(state="done").count())

        listen("member_joined", look)
        self.three()
        assert sweep() == {"done": 3}
        assert states == [0, 1, 2]

    def test_taken_over_as_a_whole(self, listen, caplog):
        def take_over(event, **named):
            if event.number == "1":
                WebhookRequest.objects.update(claimed_by="another")

        listen("member_joined", take_over)
        self.three()
        assert sweep() == {"stored": 3}
        assert set(WebhookRequest.objects.values_list("claimed_by", flat=True)) == {"another"}
        assert caplog.text.count("was taken over by another worker") == 3

    @pytest.mark.django_db(transaction=False)
    def test_within_a_test_case(self, monkeypatch, listen):
        """In the transaction of a ``TestCase``, connections stay open and the rest is the same."""

        def fails(requests, pks):
            raise ZeroDivisionError

        calls = listen("member_joined")
        self.three()
        with monkeypatch.context() as broken:
            broken.setattr(WebhookRequestQuerySet, "claim", fails)
            assert sweep() == {}
        assert sweep() == {"done": 3}
        assert len(calls) == 3


def test_each_command_says_how_it_runs():
    with pytest.raises(NotImplementedError):
        AppCommand().run({})


class TestReplay:
    @pytest.fixture(autouse=True)
    def requests(self):
        post(delivery(row("1"), row("2")))
        post(member())
        post({"event_id": 99})
        return list(WebhookRequest.objects.order_by("pk"))

    def test_a_database_that_fails(self):
        def fails(execute, sql, *rest):
            raise OperationalError

        with (
            connection.execute_wrapper(fails),
            pytest.raises(CommandError, match=r"failed .* No data is lost; .*run migrate first"),
        ):
            call("replay", "--all")

    def test_requests_must_be_selected(self):
        with pytest.raises(CommandError, match="Select requests"):
            call("replay")
        with pytest.raises(CommandError, match="'x' is neither the ID nor the token"):
            call("replay", "x")

    def test_all(self, listen):
        calls = listen("delivery_received")
        assert call("replay", "--all") == (
            "Selected 3 (2 done, 1 quarantined).\nProcessed 3 again (2 done, 1 quarantined).\n"
        )
        assert [call["is_replay"] for call in calls] == [True, True]
        assert DeliveryReport.objects.count() == 2
        assert set(WebhookRequest.objects.values_list("replays", flat=True)) == {1}

    def test_it_leaves_a_trace(self, requests):
        call("replay", str(requests[0].pk), "--by", "Ada Ünï")
        call("replay", str(requests[0].token))
        first, second = WebhookRequest.objects.get(pk=requests[0].pk).history
        assert (first["by"], first["what"]) == ("Ada Ünï", "processed again")
        assert "@" in second["by"]
        moments = [moment(first["at"]), moment(second["at"])]
        assert timezone.now() - timedelta(minutes=1) < moments[0] <= moments[1]
        assert WebhookRequest.objects.get(pk=requests[1].pk).history == []

    @pytest.mark.parametrize(
        ("arguments", "chosen"),
        [
            (["--kind", "delivery_report"], {"done": 1}),
            (["--kind", "unknown"], {"quarantined": 1}),
            (["--kind", "group_member", "--kind", "unknown"], {"done": 1, "quarantined": 1}),
            (["--state", "quarantined"], {"quarantined": 1}),
            (["--secret-label", "other"], {}),
            (["--secret-label", ""], {"done": 2, "quarantined": 1}),
            (["--since", "2020-01-01"], {"done": 2, "quarantined": 1}),
            (["--until", "2020-01-01T10:00:00+02:00"], {}),
            (["--all", "--only-failed-receivers"], {}),
        ],
    )
    def test_dry_run(self, arguments, chosen):
        result = json.loads(call("replay", *arguments, "--dry-run", "--json"))
        assert result == {"chosen": chosen, "dry_run": True, "states": {}}
        assert set(WebhookRequest.objects.values_list("replays", flat=True)) == {0}

    def test_a_claimed_request_is_skipped(self):
        keep(b"{}", claimed=True)
        result = json.loads(call("replay", "--state", "received", "--json"))
        assert result["states"] == {"skipped": 1}
        answer = call("replay", "--state", "received")
        assert "Processed 0 again (1 skipped). Skipped requests are in progress," in answer

    def test_an_unknown_id(self):
        pk = WebhookRequest.objects.first().pk
        for unknown in ("999999999", "1b4e28ba-2fa1-4d3b-a3f5-ef19b5a7633b"):
            with pytest.raises(CommandError, match=f"No request has the ID or token '{unknown}'"):
                call("replay", str(pk), unknown)
        assert set(WebhookRequest.objects.values_list("replays", flat=True)) == {0}

    def test_a_person_is_asked(self, monkeypatch):
        answers = ["no", "y"]
        monkeypatch.setattr("sys.stdin", Terminal())
        monkeypatch.setattr("builtins.input", lambda question: answers.pop(0))
        assert call("replay", "--all") == "Selected 3 (2 done, 1 quarantined).\n"
        assert "Processed 3 again" in call("replay", "--all")
        assert "Processed 3 again" in call("replay", "--all", "--no-input")

    def test_a_person_ends_the_input(self, monkeypatch):
        def end(question):
            raise EOFError

        monkeypatch.setattr("sys.stdin", Terminal())
        monkeypatch.setattr("builtins.input", end)
        assert call("replay", "--all") == "Selected 3 (2 done, 1 quarantined).\n"

    def test_without_standard_input(self, monkeypatch):
        monkeypatch.setattr("sys.stdin", None)
        assert "Processed 3 again" in call("replay", "--all")

    def test_a_label_that_is_stored_in_other_letters(self, settings):
        settings.PICKYASSIST_WEBHOOKS = {"SECRETS": {"B\u00fcro": SECRET}}
        post(delivery(row("office")))
        for label in ("B\u00fcro", "B\udcff" + "ro"):
            assert "Selected 1 (1 done)" in call("replay", "--secret-label", label, "--dry-run")

    @pytest.mark.parametrize("wrong", ["yesterday", "2026-13-01", "2026-01-32T10:00"])
    def test_a_wrong_moment(self, wrong):
        with pytest.raises(ArgumentTypeError, match="expected a date like 2026-01-31"):
            moment(wrong)

    @pytest.mark.parametrize("use_tz", [True, False])
    def test_moments_are_those_of_the_project(self, use_tz, settings):
        settings.USE_TZ, settings.TIME_ZONE = use_tz, "Asia/Kolkata"
        assert moment("2026-01-31T05:30").isoformat() == (
            "2026-01-31T05:30:00+05:30" if use_tz else "2026-01-31T05:30:00"
        )
        in_utc = moment("2026-01-31T00:00Z")
        assert in_utc == moment("2026-01-31T05:30")
        assert moment("2026-01-31").hour == 0

    def test_a_user_without_a_name(self, monkeypatch):
        def nameless():
            raise KeyError

        monkeypatch.setattr("getpass.getuser", nameless)
        assert operator().startswith("unknown@")


class TestOnlyFailedReceivers:
    @pytest.fixture
    def failing(self, listen):
        """Connect a receiver that raises for one of three events until it is repaired."""

        def breaks(event, **named):
            seen.append((event.msg_id, named["is_replay"]))
            if event.msg_id == "2" and not repaired:
                raise ValueError

        seen, repaired = [], []
        breaks.seen, breaks.repaired = seen, repaired
        listen("delivery_received", breaks)
        breaks.others = listen("delivery_received")
        post(delivery(row("1"), row("2"), row("3")))
        seen.clear()
        breaks.others.clear()
        return breaks

    def only_failed(self, *arguments):
        return json.loads(call("replay", *arguments, "--only-failed-receivers", "--json"))

    def test_of_a_request_that_waits(self, failing):
        failing.repaired.append(True)
        assert self.only_failed("--all")["states"] == {"done": 1}
        assert failing.seen == [("2", True)]
        assert failing.others == []
        assert not ReceiverFailure.objects.exists()
        assert WebhookRequest.objects.get().history[0]["what"] == "failed receivers called again"

    def test_of_a_permanently_failed_request(self, failing, settings, clock):
        settings.PICKYASSIST_WEBHOOKS = {**settings.PICKYASSIST_WEBHOOKS, "MAX_ATTEMPTS": 2}
        clock.advance(minutes=1)
        assert call("process") == "Processed 1 (1 permanently failed).\n"
        failing.seen.clear()
        failing.repaired.append(True)
        assert self.only_failed("--state", "dead")["states"] == {"done": 1}
        assert failing.seen == [("2", True)]

    def test_a_faster_sweep_calls_no_other_receiver(self, failing, monkeypatch):
        monkeypatch.setattr(ingest, "_call_again", lambda pk: None)  # the command was killed here
        assert self.only_failed("--all")["states"] == {"received": 1}
        keep(member(number="1"))
        keep(member(number="2"))
        assert sweep() == {"failing": 1, "done": 2}
        assert failing.seen == [("2", True)]
        assert failing.others == []
        assert ReceiverFailure.objects.count() == 1

    def test_not_while_a_worker_is_claiming_it(self, failing):
        """This also holds if the claim is not committed when the replay begins."""
        pk = WebhookRequest.objects.get().pk
        ReceiverFailure.objects.update(due_at=timezone.now())
        call_pk = ReceiverFailure.objects.first().pk
        claiming = Event()

        def claim():
            with transaction.atomic():
                ReceiverFailure.objects.claim([call_pk])
                claiming.set()
                time.sleep(0.5)
            connection.close()

        worker = Thread(target=claim)
        worker.start()
        claiming.wait()
        with pytest.raises(ingest.RequestInWork, match="a worker is processing"):
            ingest.replay(pk, only_failed_receivers=True)
        worker.join()
        assert ReceiverFailure.objects.get(pk=call_pk).claimed_by
        assert WebhookRequest.objects.get().replays == 0

    def test_a_database_that_fails_in_the_middle(self, failing, monkeypatch):
        def fails(*args):
            raise OperationalError("gone")

        monkeypatch.setattr(ingest, "replay", fails)
        with pytest.raises(CommandError, match="failed after 0 of 1 requests"):
            call("replay", "--all")

    def test_not_if_some_signals_were_not_sent(self, failing):
        """It failed after repeated crashes: it must be processed from the start."""
        WebhookRequest.objects.update(state="dead")
        assert self.only_failed("--all") == {"chosen": {}, "dry_run": False, "states": {}}
        with pytest.raises(ingest.RequestInWork, match="no failed receivers"):
            ingest.replay(WebhookRequest.objects.get().pk, only_failed_receivers=True)
        signals.delivery_received.disconnect(failing)
        assert ingest.replay(WebhookRequest.objects.get().pk).state == "done"
        assert len(failing.others) == 3
