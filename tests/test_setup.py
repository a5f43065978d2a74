"""``pickyassist_setup``: from no secret to the first request."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.urls import set_script_prefix

from pickyassist_webhooks.inbox import worker
from pickyassist_webhooks.management.addresses import address
from pickyassist_webhooks.management.commands import pickyassist_setup
from pickyassist_webhooks.testing import (
    batch,
    delivery_report,
    filter_report,
    group_member,
    new_subscriber,
)
from tests.requests import SECRET, post

ROOT = Path(__file__).resolve().parent.parent


def setup(**options):
    output = StringIO()
    call_command("pickyassist_setup", stdout=output, **options)
    return output.getvalue()


class TestSettings:
    def test_a_first_secret(self, settings):
        settings.PICKYASSIST_WEBHOOKS = {}
        output = setup(no_wait=True)
        namespace = {}
        code = output[output.index("PICKYASSIST_WEBHOOKS") : output.index("\n}\n") + 3]
        exec(code, namespace)  # noqa: S102
        [(label, secret)] = namespace["PICKYASSIST_WEBHOOKS"]["SECRETS"].items()
        assert label == "picky-assist"
        assert len(secret) >= 40
        assert f"picky-assist: https://your.host/pickyassist/events/{secret}/" in output
        assert secret not in setup(no_wait=True)
        settings.PICKYASSIST_WEBHOOKS = namespace["PICKYASSIST_WEBHOOKS"]
        assert f"https://your.host/pickyassist/events/{secret}/" in setup(no_wait=True)

    @pytest.mark.parametrize("existing", [{"old": SECRET}, [SECRET]])
    def test_another_one_hides_the_existing_ones(self, existing, settings):
        settings.PICKYASSIST_WEBHOOKS = {"SECRETS": existing}
        output = setup(label="new", no_wait=True)
        assert SECRET not in output
        assert '"new": "' in output
        assert "keep the other lines" in output
        assert output.count("https://") == 1

    def test_a_label_that_needs_quoting(self, settings):
        settings.PICKYASSIST_WEBHOOKS = {}
        output = setup(label='it"s\nmine', no_wait=True)
        code = output[output.index("PICKYASSIST_WEBHOOKS") : output.index("\n}\n") + 3]
        namespace = {}
        exec(code, namespace)  # noqa: S102
        assert list(namespace["PICKYASSIST_WEBHOOKS"]["SECRETS"]) == ['it"s\nmine']

    def test_an_existing_label(self, settings):
        settings.PICKYASSIST_WEBHOOKS = {"SECRETS": {"old": SECRET}}
        with pytest.raises(CommandError, match="'old'"):
            setup(label="old")
        settings.PICKYASSIST_WEBHOOKS = {"SECRETS": {"picky-assist": SECRET}}
        with pytest.raises(CommandError, match="'picky-assist'"):
            setup(label="")


class TestUrls:
    def test_one_for_each_label(self, settings):
        settings.PICKYASSIST_WEBHOOKS = {"SECRETS": {"first": "a" * 32, "second": "b" * 32}}
        output = setup(base_url="https://shop.example/", no_wait=True)
        assert f"first: https://shop.example/pickyassist/events/{'a' * 32}/" in output
        assert f"second: https://shop.example/pickyassist/events/{'b' * 32}/" in output
        assert "Event Webhook" in output

    @pytest.mark.parametrize("base", ["https://shop/shop/", "https://shop/shop", "https://shop"])
    def test_a_project_below_a_path(self, base):
        set_script_prefix("/shop/")
        try:
            output = setup(base_url=base, no_wait=True)
        finally:
            set_script_prefix("/")
        assert f"The URL: https://shop/shop/pickyassist/events/{SECRET}/\n" in output

    @pytest.mark.parametrize(
        "wrong",
        ["shop.example", "ftp://shop.example", "https://", "https://[::1", "https://a/?b=c"],
    )
    def test_an_invalid_base_url(self, wrong):
        with pytest.raises(CommandError, match="expected a URL such as"):
            call_command("pickyassist_setup", f"--base-url={wrong}")

    @pytest.mark.parametrize(
        ("base", "hosts", "debug", "warned"),
        [
            ("https://shop.example", ["shop.example"], False, False),
            ("https://SHOP.example:8443/", [".example"], False, False),
            ("https://shop.example", ["other.example"], False, True),
            ("https://shop.example", [], True, True),
            ("http://127.0.0.1:8000", [], True, False),
            ("http://127.0.0.1:8000", [], False, True),
            (pickyassist_setup.YOUR_HOST, [], False, False),
        ],
    )
    def test_a_host_that_django_refuses(self, base, hosts, debug, warned, settings):
        settings.ALLOWED_HOSTS, settings.DEBUG = hosts, debug
        errors = StringIO()
        setup(base_url=base, no_wait=True, stderr=errors)
        assert ("ALLOWED_HOSTS does not contain" in errors.getvalue()) is warned
        assert ("Replace https://your.host" in errors.getvalue()) is (base == "https://your.host")

    def test_each_secret_of_a_list_has_its_url(self, settings):
        settings.PICKYASSIST_WEBHOOKS = {"SECRETS": [SECRET, "b" * 30]}
        output = setup(no_wait=True)
        assert f"The URL: https://your.host/pickyassist/events/{SECRET}/\n" in output
        assert f"secret 2: https://your.host/pickyassist/events/{'b' * 30}/\n" in output
        assert address("http://127.0.0.1:8000").path == f"/pickyassist/events/{SECRET}/"

    def test_json(self):
        result = json.loads(setup(json=True, base_url="https://shop.example"))
        assert result == {
            "settings": {},
            "urls": {"": f"https://shop.example/pickyassist/events/{SECRET}/"},
        }

    def test_no_url_leads_to_the_view(self, settings):
        settings.ROOT_URLCONF = "tests.urls_admin_only"
        with pytest.raises(CommandError, match="include"):
            setup(no_wait=True)

    def test_a_secret_with_a_slash(self, settings):
        settings.PICKYASSIST_WEBHOOKS = {"SECRETS": {"old": f"{SECRET}/x"}}
        with pytest.raises(CommandError, match="A secret has a /"):
            setup(no_wait=True)

    def test_an_authenticator_of_its_own(self, settings):
        path = "tests.test_testing.only_let_friends_in"
        settings.PICKYASSIST_WEBHOOKS = {"AUTHENTICATOR": path}
        with pytest.raises(CommandError, match="only_let_friends_in"):
            setup(no_wait=True)


@pytest.mark.django_db(transaction=True)
class TestWaiting:
    @pytest.fixture(autouse=True)
    def quickly(self, monkeypatch):
        monkeypatch.setattr(pickyassist_setup, "PAUSE", 0.05)
        monkeypatch.setattr(pickyassist_setup, "SOON", 20)

    def waited(self, payload, first=True, meanwhile=lambda: None):
        def come():
            time.sleep(0.3)
            meanwhile()
            post(payload)
            connection.close()

        if first:
            post(delivery_report())  # the command ignores earlier requests
        coming = threading.Thread(target=come)
        coming.start()
        output = setup(max_seconds=20)
        coming.join()
        return output.splitlines()[-1]

    def test_with_a_secret_that_was_just_made(self, settings):
        """The server is restarted with it while the command waits."""
        before = settings.PICKYASSIST_WEBHOOKS
        settings.PICKYASSIST_WEBHOOKS = {}

        def restart():
            settings.PICKYASSIST_WEBHOOKS = before

        assert self.waited(delivery_report(), first=False, meanwhile=restart).endswith("It works.")

    @pytest.mark.parametrize(
        ("payload", "sentence"),
        [
            (batch(*[delivery_report() for _ in range(3)]), "Delivery report, 3 rows. It works."),
            (filter_report(), "Filter report, 1 row. It works."),
            (group_member(), "Group member, 1 row. It works."),
            (new_subscriber(), "New subscriber, 1 row. It works."),
        ],
    )
    def test_it_describes_the_request(self, payload, sentence):
        assert self.waited(payload) == sentence

    def test_slow_processing(self, monkeypatch):
        slow = worker.decide

        def slowly(*args, **named):
            time.sleep(0.5)
            return slow(*args, **named)

        post(delivery_report())
        monkeypatch.setattr(worker, "decide", slowly)
        assert self.waited(delivery_report(), first=False) == "Delivery report, 1 row. It works."

    def test_an_invalid_payload(self):
        sentence = self.waited({"event_id": 99})
        assert sentence == (
            "A request arrived and is stored, but it is invalid: expected 1, 2, 3, 4 or 5"
            " in event_id; see the request in the admin."
        )

    def test_no_rows(self):
        sentence = self.waited(delivery_report() | {"data": []})
        assert sentence == "Delivery report without rows. It works."

    def test_a_partly_valid_payload(self):
        rows = [delivery_report(), delivery_report(status="odd"), delivery_report(msg_id=[])]
        assert self.waited(batch(*rows)) == (
            "Delivery report, 1 row. It works. Invalid: 2 rows; see the request in the admin."
        )

    def test_a_request_for_a_worker(self, settings, monkeypatch):
        monkeypatch.setattr(pickyassist_setup, "SOON", 0.2)
        configured = {**settings.PICKYASSIST_WEBHOOKS, "PROCESSOR": "none"}
        settings.PICKYASSIST_WEBHOOKS = configured
        assert "pickyassist_process" in self.waited(delivery_report())

    @pytest.mark.django_db(transaction=True, databases=["default", "own"])
    def test_a_replica_that_is_late(self, settings, monkeypatch):
        monkeypatch.setattr(pickyassist_setup, "SOON", 0.2)
        settings.DATABASE_ROUTERS = ["tests.test_change_feed.Replica"]
        settings.PICKYASSIST_WEBHOOKS = {**settings.PICKYASSIST_WEBHOOKS, "PROCESSOR": "none"}
        assert "pickyassist_process" in self.waited(delivery_report(), first=False)

    def test_no_request(self):
        with pytest.raises(CommandError, match="No request came within 1 s"):
            setup(max_seconds=1)

    def test_the_database_fails(self):
        def fails(execute, sql, *rest):
            raise OperationalError

        with connection.execute_wrapper(fails), pytest.raises(CommandError, match="run migrate"):
            setup()

    def test_interrupted(self, monkeypatch):
        def interrupt(seconds):
            raise KeyboardInterrupt

        monkeypatch.setattr(pickyassist_setup.time, "sleep", interrupt)
        assert "Waiting" in setup()


SETTINGS = """
from tests.settings import *

DATABASES = {"default": DATABASES["default"] | {"NAME": "empty.sqlite3"}}
DATABASE_ROUTERS = []
PICKYASSIST_WEBHOOKS = {secrets}
"""


@pytest.mark.parametrize(
    ("secrets", "message"),
    [({}, "Add this to your settings"), ({"SECRETS": [SECRET]}, "run migrate")],
    ids=["no secret", "no tables"],
)
def test_in_a_new_project(secrets, message, tmp_path):
    """Run it as a person does, with all checks."""
    (tmp_path / "begun.py").write_text(SETTINGS.replace("{secrets}", repr(secrets)))
    environment = {
        "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}",
        "TEST_DATABASE": "sqlite",
        "DJANGO_SETTINGS_MODULE": "begun",
    }
    done = subprocess.run(
        [sys.executable, "-m", "django", "pickyassist_setup"],
        cwd=tmp_path,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert message in done.stdout + done.stderr
