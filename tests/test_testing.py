"""The test tools for projects: payloads, posting, captured signals and the spool."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import JsonResponse
from django.test import AsyncClient, Client, TestCase, override_settings
from django.urls import clear_script_prefix, set_script_prefix
from django.utils import timezone

from pickyassist_webhooks import testing
from pickyassist_webhooks.choices import EventKind
from pickyassist_webhooks.inbox.refusals import refusals
from pickyassist_webhooks.models import (
    MODELS,
    ChatMessage,
    Message,
    ReceiverFailure,
    WebhookRequest,
)
from pickyassist_webhooks.parsing.payloads import parse
from pickyassist_webhooks.pushes import record_push
from pickyassist_webhooks.testing import (
    FakeVendor,
    WebhookTestMixin,
    batch,
    capture_events,
    chat_message,
    delivery_report,
    filter_report,
    group_member,
    new_subscriber,
    post_event,
)
from pickyassist_webhooks.testing.builders import PROJECT_ID

ROOT = Path(__file__).resolve().parent.parent
BUILDERS = {
    EventKind.DELIVERY_REPORT: delivery_report,
    EventKind.FILTER_REPORT: filter_report,
    EventKind.GROUP_MEMBER: group_member,
    EventKind.NEW_SUBSCRIBER: new_subscriber,
    EventKind.CHAT_MESSAGE: chat_message,
}
#: The field of each kind that identifies it.
IDS = {
    EventKind.DELIVERY_REPORT: "msg_id",
    EventKind.FILTER_REPORT: "msg_id",
    EventKind.GROUP_MEMBER: "number",
    EventKind.NEW_SUBSCRIBER: "subscriber_id",
    EventKind.CHAT_MESSAGE: "unique_id",
}
PROJECT_NAMES = {EventKind.CHAT_MESSAGE: "project-id"}


def only_let_friends_in(request, secret):
    if secret == "friend":
        return "friends"
    raise PermissionDenied


def closed(get_response):
    return lambda request: JsonResponse(["closed"], safe=False)


def test_every_kind_has_a_builder():
    assert set(BUILDERS) == set(EventKind)
    assert all(builder.__name__ in testing.__all__ for builder in BUILDERS.values())


@pytest.mark.django_db
def test_a_text_with_escapes_can_be_given():
    post_event(Client(), chat_message(message_in="a+b%21"))
    assert ChatMessage.objects.get().text == "a b!"


@pytest.mark.django_db
@pytest.mark.parametrize("kind", EventKind)
class TestBuilders:
    def test_payloads_are_valid_and_new(self, kind):
        build = BUILDERS[kind]
        for _ in range(2):
            answer = post_event(Client(), build()).json()
            assert (answer["ok"], answer["accepted"], answer["repeats"]) == (True, 1, 0)
        request = WebhookRequest.objects.latest("pk")
        assert (request.kind, request.warnings) == (kind, [])
        assert MODELS[kind]._default_manager.count() == 2

    def test_any_field_can_be_given(self, kind):
        name = IDS[kind]
        payload = BUILDERS[kind](project_id="7", **{name: "chosen", "custom": "field"})
        post_event(Client(), payload)
        event = MODELS[kind]._default_manager.get()
        assert (event.project_id, getattr(event, name)) == ("7", "chosen")
        assert event.extra == {"custom": "field"}

    def test_fields_of_the_envelope_too(self, kind):
        payload = BUILDERS[kind](event_id=77, project_id=None, data="x")
        project_id = payload[PROJECT_NAMES.get(kind, "project_id")]
        assert (payload["event_id"], project_id, payload["data"]) == (77, None, "x")

    def test_an_invalid_field(self, kind):
        build = BUILDERS[kind]
        name = "status" if "report" in kind else IDS[kind]
        answer = post_event(Client(), build(**{name: ["odd"]})).json()
        assert (answer["ok"], answer["problems"]) == (False, 1)

    @pytest.mark.parametrize(
        "configured",
        [
            {"PROJECT_IDS": [70, "71"]},
            {
                "SECRETS": {"one": "a" * 32, "two": "b" * 32},
                "PROJECT_IDS": {"two": [9], "one": [70]},
            },
        ],
        ids=["a list", "by label"],
    )
    def test_the_settings_accept_its_project(self, kind, configured, settings):
        settings.PICKYASSIST_WEBHOOKS = settings.PICKYASSIST_WEBHOOKS | configured
        assert BUILDERS[kind]()[PROJECT_NAMES.get(kind, "project_id")] == "70"
        assert post_event(Client(), BUILDERS[kind]()).json()["accepted"] == 1


def test_ids_are_new_in_another_process_too():
    """Otherwise its events would be repeats in a database that is kept."""
    code = "from pickyassist_webhooks.testing import *; print(delivery_report(), new_subscriber())"
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"}
    outputs = [
        subprocess.run(
            [sys.executable, "-c", f"import django; django.setup(); {code}"],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for _ in range(2)
    ]
    ids = [set(re.findall(r"'((?:[PMS]|ORD-)[0-9A-F]{6}[-0-9]+)'", text)) for text in outputs]
    assert list(map(len, ids)) == [4, 4]
    assert not ids[0] & ids[1]


def parsed(payload):
    return parse(json.dumps(payload).encode())


class TestBatch:
    def test_rows_come_together(self):
        payload = batch(delivery_report(status=4), delivery_report(status=1, msg_id="last"))
        assert [event.fields["status"] for event in parsed(payload).events] == [4, 1]
        assert parsed(payload).events[1].fields["msg_id"] == "last"

    @pytest.mark.parametrize(
        "payloads",
        [
            [],
            [delivery_report(), filter_report()],
            [delivery_report(), delivery_report(project_id="7")],
            [group_member(group_id="1", number="1"), group_member(group_id="1", number="1")],
        ],
        ids=["none", "kinds", "projects", "no rows"],
    )
    def test_payloads_that_cannot_be_combined(self, payloads):
        with pytest.raises(ValueError, match="expected"):
            batch(*payloads)


@pytest.mark.django_db
class TestPosting:
    @pytest.mark.parametrize("processor", ["none", "nowhere.to.be_found"])
    def test_it_is_processed_with_any_settings(self, processor, settings):
        configured = {**settings.PICKYASSIST_WEBHOOKS, "PROCESSOR": processor}
        settings.PICKYASSIST_WEBHOOKS = configured
        assert post_event(Client(), delivery_report()).json()["state"] == "done"
        assert settings.PICKYASSIST_WEBHOOKS is configured

    def test_bytes_are_sent_unchanged(self):
        assert post_event(Client(), b"not even JSON").status_code == 400
        assert bytes(WebhookRequest.objects.get().body) == b"not even JSON"

    def test_text_and_its_content_type(self):
        post_event(Client(), "event_id=3&number=1", content_type="text/plain")
        request = WebhookRequest.objects.get()
        assert (bytes(request.body), request.content_type) == (
            b"event_id=3&number=1",
            "text/plain",
        )

    def test_below_a_prefix(self, settings):
        settings.FORCE_SCRIPT_NAME = "/shop"
        set_script_prefix("/shop/")
        try:
            assert post_event(Client(), delivery_report()).json()["state"] == "done"
        finally:
            clear_script_prefix()

    def test_an_async_client(self):
        with pytest.raises(TypeError, match="sync_to_async"):
            post_event(AsyncClient(), delivery_report())

    def test_without_a_secret_in_the_settings(self, settings):
        settings.PICKYASSIST_WEBHOOKS = {}
        assert post_event(Client(), delivery_report()).status_code == 200
        assert post_event(Client(), delivery_report(), secret="wrong").status_code == 403

    def test_an_authenticator_of_its_own(self, settings):
        path = f"{__name__}.only_let_friends_in"
        settings.PICKYASSIST_WEBHOOKS = {"AUTHENTICATOR": path}
        with pytest.raises(ImproperlyConfigured, match="secret="):
            post_event(Client(), delivery_report())
        assert post_event(Client(), delivery_report(), secret="friend").status_code == 200
        assert WebhookRequest.objects.get().secret_label == "friends"

    def test_a_receiver_that_raises(self, listen, caplog):
        def breaks(**named):
            raise ValueError("as in a test")

        listen("delivery_received", breaks)
        assert post_event(Client(), delivery_report()).json()["state"] == "failing"
        assert "as in a test" in ReceiverFailure.objects.get().error
        [location, report] = caplog.messages
        assert f"raised ValueError at {__file__}:" in location
        assert "as in a test" not in location
        assert "breaks raised:\nTraceback" in report
        assert "as in a test" in report

    def test_a_response_of_a_middleware(self, settings):
        settings.SECURE_SSL_REDIRECT = True
        assert post_event(Client(), delivery_report()).status_code == 301

    def test_a_response_of_a_middleware_in_json(self, settings):
        settings.MIDDLEWARE = ["tests.test_testing.closed", *settings.MIDDLEWARE]
        assert post_event(Client(), delivery_report()).json() == ["closed"]

    def test_without_a_url(self, settings):
        settings.ROOT_URLCONF = "tests.urls_admin_only"
        with pytest.raises(ImproperlyConfigured, match="include"):
            post_event(Client(), delivery_report())

    @pytest.mark.parametrize("secret", ["", "a/b"])
    def test_a_secret_that_no_url_can_have(self, secret):
        with pytest.raises(ImproperlyConfigured, match="secret is empty or has a slash"):
            post_event(Client(), delivery_report(), secret=secret)


class TestMixin(WebhookTestMixin, TestCase):
    """Inside the transaction of a ``TestCase``, which is never committed."""

    def test_signals_are_sent(self):
        self.post_event(delivery_report(msg_id="M1", status=4))
        self.post_event(delivery_report(msg_id="M1", status=1))
        self.post_event(delivery_report(msg_id="M1", status=1))
        [first, second] = self.captured_events.named("message_status_changed")
        assert (first.previous_status, second.previous_status) == (None, 4)
        assert second.message == Message.objects.get()
        assert [event.status for event in self.captured_events.events] == [4, 1]
        assert len(self.captured_events) == 4

    def test_only_signals_inside_the_block(self):
        self.post_event({"event_id": 99})
        with capture_events() as captured:
            self.post_event(group_member())
            self.post_event(group_member(action=2))
            self.post_event(new_subscriber(), secret=None)
        self.post_event(filter_report())
        names = ["member_joined", "member_exited", "subscriber_added"]
        assert [call.signal for call in captured] == names
        everything = ["webhook_quarantined", *names, "number_filtered"]
        assert [call.signal for call in self.captured_events] == everything
        assert next(iter(self.captured_events)).event is None

    def test_begins_without_the_refused_requests_of_the_test_before(self):
        for _ in range(3):  # the first is written, and the others wait in memory
            assert self.post_event(delivery_report(), secret="wrong").status_code == 403
        assert refusals.recent(timezone.now()) == 3
        self.setUp()
        assert refusals.recent(timezone.now()) == 1

    def test_the_stand_in_has_a_project_that_the_settings_accept(self):
        project = {**settings.PICKYASSIST_WEBHOOKS, "PROJECT_IDS": ["777"]}
        with FakeVendor() as vendor:
            assert vendor.project_id == PROJECT_ID
        with override_settings(PICKYASSIST_WEBHOOKS=project), FakeVendor() as vendor:
            answer = vendor.push({"number": "15550001111"})
            push = record_push(answer, project_id=vendor.project_id)
            answers = [self.post_event(each).json() for each in vendor.reports(push.push_id)]
        assert [answer["state"] for answer in answers] == ["done", "done"]

    def test_an_unknown_name(self):
        self.post_event(filter_report())
        with pytest.raises(KeyError, match="is captured; use one of delivery_received"):
            self.captured_events.named("delivery_recieved")


PYTEST_MODULE = """
from pickyassist_webhooks.testing import delivery_report


def test_fixtures(post_event, captured_events):
    assert post_event(delivery_report(reference_number="ORD-1")).json()["ok"]
    [changed] = captured_events.named("message_status_changed")
    assert changed.message.reference_number == "ORD-1"
"""


@pytest.mark.parametrize(
    ("ini", "message"),
    [
        ("DJANGO_SETTINGS_MODULE = tests.settings", "1 passed"),
        ("addopts = -p no:django", "install pytest-django"),
        ("", "set DJANGO_SETTINGS_MODULE"),
    ],
)
def test_pytest_plugin(ini, message, tmp_path):
    (tmp_path / "conftest.py").write_text(
        'pytest_plugins = ["pickyassist_webhooks.testing.plugin"]\n'
    )
    (tmp_path / "test_project.py").write_text(PYTEST_MODULE)
    (tmp_path / "pytest.ini").write_text(f"[pytest]\n{ini}\n")
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env={k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"}
        | {"PYTHONPATH": path, "TEST_DATABASE": "sqlite"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert message in done.stdout + done.stderr


#: A project with a spool folder that contains a real request.
SPOOLING_PROJECT = {
    "mysite/__init__.py": "",
    "mysite/settings.py": """
from pathlib import Path

from tests.settings import *

BASE_DIR = Path(__file__).parent.parent
DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}
}
SPOOL = BASE_DIR / "spool"
PICKYASSIST_WEBHOOKS = PICKYASSIST_WEBHOOKS | {"SPOOL_DIR": SPOOL}
""",
    "pytest.ini": "[pytest]\nDJANGO_SETTINGS_MODULE = mysite.settings\npython_files = tests.py\n",
    "shop/__init__.py": "",
    # Without the test tools of this app.
    "shop/tests.py": """
import os
from pathlib import Path
from urllib.request import Request, urlopen

from django.core.management import call_command
from django.db import connection
from django.test import LiveServerTestCase, TestCase, TransactionTestCase, override_settings

from mysite.settings import PICKYASSIST_WEBHOOKS, SPOOL
from pickyassist_webhooks.models import WebhookRequest
from pickyassist_webhooks.testing import WebhookTestMixin

PATH = f"/pickyassist/events/{PICKYASSIST_WEBHOOKS['SECRETS'][0]}/"


def names(folder=SPOOL):
    return sorted(path.name for path in folder.iterdir())


def refuse(execute, sql, params, many, context):
    if sql.startswith("INSERT INTO"):
        raise ConnectionError("as if the database were away")
    return execute(sql, params, many, context)


class Sweeping:
    def test_sweep(self):
        with self.captureOnCommitCallbacks(execute=True):
            call_command("pickyassist_process")
            call_command("pickyassist_erase", "15550001111", "--no-input")
        assert not WebhookRequest.objects.exists()


class InTestCase(Sweeping, TestCase):
    pass


class InTransactionTestCase(TransactionTestCase):
    def test_sweep(self):
        call_command("pickyassist_process")
        assert not WebhookRequest.objects.exists()


class WithLiveServer(LiveServerTestCase):
    def test_sweep(self):
        urlopen(Request(self.live_server_url + PATH, b'{"event_id": 3, "number": "1"}'))
        call_command("pickyassist_process")
        assert WebhookRequest.objects.count() == 1


class WithTheKit(WebhookTestMixin):
    def spool(self):
        with connection.execute_wrapper(refuse):
            return self.post_event({"event_id": 3, "number": "15550001111"}).json()

    def test_spooled(self):
        real = names()
        assert self.spool()["state"] == "spooled"
        assert names() == real
        call_command("pickyassist_process")
        assert WebhookRequest.objects.count() == 1

    test_spooled_again = test_spooled

    @override_settings(PICKYASSIST_WEBHOOKS={**PICKYASSIST_WEBHOOKS, "PROCESSOR": "none"})
    def test_other_settings(self):
        self.test_spooled()

    def test_a_folder_of_its_own(self):
        own = SPOOL.with_name("own")
        own_settings = {**PICKYASSIST_WEBHOOKS, "SPOOL_DIR": own}
        with override_settings(PICKYASSIST_WEBHOOKS=own_settings):
            answer = self.spool()
        assert answer["id"] + ".request" in names(own)


class WithTheKitInTestCase(WithTheKit, TestCase):
    pass


class WithTheKitInTransactionTestCase(WithTheKit, TransactionTestCase):
    pass


class WithTheKitAndLiveServer(WithTheKit, LiveServerTestCase):
    pass


ALL = {**PICKYASSIST_WEBHOOKS, "SPOOL_DIR": SPOOL.with_name("all")}


@override_settings(PICKYASSIST_WEBHOOKS=ALL)
class WithAFolderForAll(WebhookTestMixin, TestCase):
    def test_spooled(self):
        with connection.execute_wrapper(refuse):
            answer = self.post_event({"event_id": 3, "number": "1"}).json()
        assert names(SPOOL.with_name("all")) == [answer["id"] + ".request"]
""",
    "conftest.py": 'pytest_plugins = ["pickyassist_webhooks.testing.plugin"]\n',
    # Uses neither the fixtures of the plugin nor a database.
    "with_the_plugin/__init__.py": "",
    "with_the_plugin/tests.py": """
import pytest
from django.conf import settings
from django.db import connection
from django.test import Client

from mysite.settings import SPOOL
from shop.tests import PATH, names, refuse


@pytest.mark.django_db
@pytest.mark.parametrize("time", [1, 2])
def test_with_a_database(time):
    post(time)


@pytest.mark.parametrize("time", [1, 2])
def test_without_a_database(time):
    post(time)


def post(time):
    real = names()
    with connection.execute_wrapper(refuse):
        answer = Client().post(PATH, {"event_id": 3}, content_type="application/json").json()
    assert answer["state"] == "spooled"
    folder = settings.PICKYASSIST_WEBHOOKS["SPOOL_DIR"]
    assert folder != SPOOL
    from pickyassist_webhooks.conf import app_settings
    assert names(app_settings.spool_dir) == [answer["id"] + ".request"]
    assert names() == real
""",
}


class TestSpoolOfAProject:
    """A request in a project's folder survives the tests of the project."""

    @pytest.fixture
    def project(self, tmp_path):
        for name, content in SPOOLING_PROJECT.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(content)
        code = (
            "import django; django.setup(); from shop.tests import *; "
            "from django.test import Client; "
            "print(Client().post(PATH, {'event_id': 3, 'number': '15550001111'}).json()['state'])"
        )
        assert "spooled" in self.run(tmp_path, "-c", code)  # there are no tables yet
        return tmp_path

    def run(self, project, *arguments):
        path = os.pathsep.join([str(project), str(ROOT), os.environ.get("PYTHONPATH", "")])
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=project,
            env=os.environ
            | {"PYTHONPATH": path, "TEST_DATABASE": "sqlite"}
            | {"DJANGO_SETTINGS_MODULE": "mysite.settings"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    @pytest.mark.parametrize(
        ("runner", "summary"),
        [
            (["-m", "django", "test"], "Ran 16 tests"),
            (["-m", "pytest", "-q", "-p", "no:cacheprovider"], "20 passed"),
        ],
        ids=["django", "pytest"],
    )
    def test_it_is_there_after_all_tests(self, project, runner, summary):
        [real] = (project / "spool").iterdir()
        content = real.read_bytes()
        assert summary in self.run(project, *runner)
        assert [path.name for path in (project / "spool").iterdir()] == [real.name]
        assert real.read_bytes() == content
        self.run(project, "-m", "django", "migrate", "--verbosity=0")
        assert "Took 1 from the spool" in self.run(project, "-m", "django", "pickyassist_process")
        assert not list((project / "spool").iterdir())
