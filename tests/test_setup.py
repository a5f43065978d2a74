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

from pickyassist_webhooks import worker
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
    said = StringIO()
    call_command("pickyassist_setup", stdout=said, **options)
    return said.getvalue()


class TestSettings:
    def test_a_first_secret(self, settings):
        settings.PICKYASSIST_WEBHOOKS = {}
        said = setup(no_wait=True)
        found = {}
        code = said[said.index("PICKYASSIST_WEBHOOKS") : said.index("\n}\n") + 3]
        exec(code, found)  # noqa: S102
        [(label, secret)] = found["PICKYASSIST_WEBHOOKS"]["SECRETS"].items()
        assert label == "picky-assist"
        assert len(secret) >= 40
        assert f"picky-assist: https://your.host/pickyassist/events/{secret}/" in said
        assert secret not in setup(no_wait=True)
        settings.PICKYASSIST_WEBHOOKS = found["PICKYASSIST_WEBHOOKS"]
        assert f"https://your.host/pickyassist/events/{secret}/" in setup(no_wait=True)

    @pytest.mark.parametrize("known", [{"old": SECRET}, [SECRET]])
    def test_a_further_one_hides_those_there_are(self, known, settings):
        settings.PICKYASSIST_WEBHOOKS = {"SECRETS": known}
        said = setup(label="new", no_wait=True)
        assert SECRET not in said
        assert '"new": "' in said
        assert "beside those there are" in said
        assert said.count("https://") == 1

    def test_a_label_that_needs_quoting(self, settings):
        settings.PICKYASSIST_WEBHOOKS = {}
        said = setup(label='it"s\nmine', no_wait=True)
        code = said[said.index("PICKYASSIST_WEBHOOKS") : said.index("\n}\n") + 3]
        found = {}
        exec(code, found)  # noqa: S102
        assert list(found["PICKYASSIST_WEBHOOKS"]["SECRETS"]) == ['it"s\nmine']

    def test_a_label_that_is_there(self, settings):
        settings.PICKYASSIST_WEBHOOKS = {"SECRETS": {"old": SECRET}}
        with pytest.raises(CommandError, match="'old'"):
            setup(label="old")


class TestUrls:
    def test_one_for_each_label(self, settings):
        settings.PICKYASSIST_WEBHOOKS = {"SECRETS": {"first": "a" * 32, "second": "b" * 32}}
        said = setup(base_url="https://shop.example/", no_wait=True)
        assert f"first: https://shop.example/pickyassist/events/{'a' * 32}/" in said
        assert f"second: https://shop.example/pickyassist/events/{'b' * 32}/" in said
        assert "Event Webhook" in said

    @pytest.mark.parametrize(
        "wrong",
        ["shop.example", "ftp://shop.example", "https://", "https://[::1", "https://a/?b=c"],
    )
    def test_no_base(self, wrong):
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
        told = StringIO()
        setup(base_url=base, no_wait=True, stderr=told)
        assert ("ALLOWED_HOSTS does not have" in told.getvalue()) is warned

    def test_for_machines(self):
        said = json.loads(setup(json=True, base_url="https://shop.example"))
        assert said == {
            "settings": {},
            "urls": {"": f"https://shop.example/pickyassist/events/{SECRET}/"},
        }

    def test_no_url_leads_to_the_view(self, settings):
        settings.ROOT_URLCONF = "tests.urls_admin_only"
        with pytest.raises(CommandError, match="include"):
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
            post(delivery_report())  # one that came before is not the one that is waited for
        coming = threading.Thread(target=come)
        coming.start()
        said = setup(max_seconds=20)
        coming.join()
        return said.splitlines()[-1]

    def test_with_a_secret_that_was_just_made(self, settings):
        """The server is started anew with it while this waits."""
        before = settings.PICKYASSIST_WEBHOOKS
        settings.PICKYASSIST_WEBHOOKS = {}

        def start_anew():
            settings.PICKYASSIST_WEBHOOKS = before

        assert self.waited(delivery_report(), first=False, meanwhile=start_anew).endswith(
            "It works."
        )

    @pytest.mark.parametrize(
        ("payload", "said"),
        [
            (batch(*[delivery_report() for _ in range(3)]), "Delivery report, 3 rows. It works."),
            (filter_report(), "Filter report, 1 row. It works."),
            (group_member(), "Group member, 1 row. It works."),
            (new_subscriber(), "New subscriber, 1 row. It works."),
        ],
    )
    def test_it_says_what_came(self, payload, said):
        assert self.waited(payload) == said

    def test_what_takes_a_while(self, monkeypatch):
        """The bytes are there before anybody has understood them."""
        slow = worker.store

        def slowly(*args, **named):
            time.sleep(0.5)
            return slow(*args, **named)

        post(delivery_report())
        monkeypatch.setattr(worker, "store", slowly)
        assert self.waited(delivery_report(), first=False) == "Delivery report, 1 row. It works."

    def test_what_is_not_understood(self):
        said = self.waited({"event_id": 99})
        assert said == (
            "A request came and is kept, but was not understood: expected 1, 2, 3, 4 or 5."
        )

    def test_nothing_in_it(self):
        said = self.waited(delivery_report() | {"data": []})
        assert said == "Delivery report, no rows in it. It works."

    def test_what_is_understood_in_part(self):
        rows = [delivery_report(), delivery_report(status="odd"), delivery_report(msg_id=[])]
        assert self.waited(batch(*rows)) == (
            "Delivery report, 1 row. It works. Not understood: 2 rows more, see it in the admin."
        )

    def test_what_a_worker_will_do(self, settings, monkeypatch):
        monkeypatch.setattr(pickyassist_setup, "SOON", 0.2)
        configured = {**settings.PICKYASSIST_WEBHOOKS, "PROCESSOR": "none"}
        settings.PICKYASSIST_WEBHOOKS = configured
        assert "pickyassist_process" in self.waited(delivery_report())

    def test_nothing_comes(self):
        with pytest.raises(CommandError, match="Nothing came in 1 seconds"):
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
    ("secrets", "said"),
    [({}, "Put this into your settings"), ({"SECRETS": [SECRET]}, "run migrate")],
    ids=["no secret", "no tables"],
)
def test_in_a_project_that_has_just_begun(secrets, said, tmp_path):
    """As it is typed, with all checks."""
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
    assert said in done.stdout + done.stderr
