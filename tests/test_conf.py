"""Settings: typed, read at each use, and a check for each mistake."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.apps import apps
from django.core.checks import run_checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connection

from pickyassist_webhooks.checks.settings import EXTRAS
from pickyassist_webhooks.conf import KEYS, app_settings

ROOT = Path(__file__).parent.parent
GOOD = "a-secret-of-more-than-22-characters"


@pytest.fixture
def configure(settings):
    def configure(value):
        settings.PICKYASSIST_WEBHOOKS = value

    return configure


def checks(**options):
    # Without a database: Django 6.1 gives the checks all of them.
    messages = run_checks(tags=["pickyassist_webhooks"], databases=[], **options)
    return {message.id.split(".")[1]: message for message in messages}


def test_defaults(configure):
    configure({})
    assert app_settings.secrets == []
    assert app_settings.accepts_project("", "4100") is True
    assert app_settings.authenticator.endswith(".secret_in_url")
    assert app_settings.max_body_bytes == 10 * 1024 * 1024
    assert app_settings.processor == "inline"
    assert app_settings.max_attempts == 8
    assert app_settings.repeat_window == timedelta(hours=9)
    assert all(key.accepts(key.default) for key in KEYS.values())


def test_secrets(configure):
    configure({"SECRETS": ("a", "b")})
    assert app_settings.secrets == [("", "a"), ("", "b")]
    configure({"SECRETS": {"new": "a", "old": "b"}})
    assert app_settings.secrets == [("new", "a"), ("old", "b")]


@pytest.mark.parametrize(
    ("value", "accepted"),
    [
        (None, True),
        (["4100"], True),
        ([4100], True),
        ([" 4100\n"], True),  # ids are read without white space
        ([" "], False),
        ({"a": ["4100"]}, True),
        ({"b": ["4100"]}, False),
        ([], False),
        ("4100", False),  # an invalid value must not let strangers in
        ([True], False),
        (4100, False),
    ],
)
def test_projects(configure, value, accepted):
    configure({"PROJECT_IDS": value})
    assert app_settings.accepts_project("a", "4100") is accepted


def test_labels_stored_as_the_same_text_accept_neither(configure):
    configure({"PROJECT_IDS": {"Köln": ["1"], "Käln": ["2"]}})
    assert not app_settings.accepts_project("K?ln", "1")
    assert not app_settings.accepts_project("K?ln", "2")


async def async_function(request, secret):
    return "label"


def test_labels_are_compared_as_they_are_stored(configure):
    configure({"PROJECT_IDS": {"Büro" + "x" * 200: ["4100"]}})
    assert app_settings.accepts_project("B?ro" + "x" * 96, "4100") is True


@pytest.mark.parametrize(
    "wrong",
    [
        {"MAX_BODY_BYTES": "10 MB"},
        {"MAX_BODY_BYTES": 0},
        {"MAX_ATTEMPTS": True},
        {"MAX_ATTEMPTS": None},
        {"REPEAT_WINDOW": -1},
        {"REPEAT_WINDOW": sys.maxsize},  # Python has no such duration
        {"PROCESSOR": None},
    ],
)
def test_an_invalid_value_is_reported_and_loses_nothing(configure, wrong):
    configure({"SECRETS": [GOOD], **wrong})
    [name] = wrong
    assert getattr(app_settings, name.lower()) in (KEYS[name].default, timedelta(hours=9))
    assert list(checks()) == ["E004"]
    assert checks()["E004"].hint == f"Expected {KEYS[name].expected}."


class TestChecks:
    def test_valid_settings(self, configure):
        configure({"SECRETS": [GOOD]})
        assert checks() == {}

    @pytest.mark.django_db(databases="__all__")
    def test_the_command_runs_them(self, configure):
        configure({"SECRETS": []})
        with pytest.raises(SystemCheckError, match=r"pickyassist_webhooks\.E001"):
            call_command("check", stderr=StringIO())

    def test_another_label(self, monkeypatch):
        monkeypatch.setattr(apps.get_app_config("pickyassist_webhooks"), "label", "events")
        assert list(checks()) == ["E012"]
        assert "the label 'events'" in checks()["E012"].msg

    @pytest.mark.parametrize("command", ["check", "migrate", "makemigrations"])
    def test_another_label_is_reported_before_migrations_fail(self, command):
        environment = {"DJANGO_SETTINGS_MODULE": "tests.label_settings", "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-m", "django", command],
            env=os.environ | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert "E012) tests.label_settings.Renamed has the label 'events'" in done.stderr
        assert "NodeNotFoundError" not in done.stderr

    @pytest.mark.parametrize("value", [None, {}, {"SECRETS": {}}, {"SECRETS": []}])
    def test_no_secret(self, configure, value):
        configure(value)
        assert list(checks()) == ["E001"]

    def test_not_a_dict(self, configure):
        configure([GOOD])
        assert set(checks()) == {"E001", "E002"}
        assert "it is a list" in checks()["E002"].msg

    def test_unknown_keys(self, configure):
        configure({"SECRETS": [GOOD], "SECRET": [GOOD]})
        assert list(checks()) == ["E003"]
        assert checks()["E003"].hint == "Did you mean SECRETS?"
        configure({"SECRETS": [GOOD], 5: [GOOD]})
        assert checks()["E003"].hint.startswith("Known keys: SECRETS, ")

    @pytest.mark.parametrize("value", ["text", [None], [""], {"a": ["b"]}, {5: "b"}, 5])
    def test_invalid_secrets(self, configure, value):
        configure({"SECRETS": value})
        assert set(checks()) == {"E001", "E004"}
        assert "text" not in checks()["E004"].msg

    def test_secret_that_a_url_must_escape(self, configure):
        configure({"SECRETS": {"new": GOOD + "/"}})
        assert list(checks()) == ["E005"]
        assert "labelled 'new'" in checks()["E005"].msg
        assert GOOD not in checks()["E005"].msg

    def test_short_secret(self, configure):
        configure({"SECRETS": ["x" * 21, "x" * 22]})
        assert list(checks()) == ["W001"]
        assert "only 21 characters" in checks()["W001"].msg

    def test_labels_of_one_secret(self, configure):
        configure({"SECRETS": {"old": GOOD, "new": f"{GOOD}\n", "third": GOOD[::-1]}})
        assert list(checks()) == ["W012"]
        assert "the labels 'old', 'new' have the same secret" in checks()["W012"].msg
        configure({"SECRETS": [GOOD, GOOD]})
        assert checks() == {}

    def test_a_secret_without_a_label_has_no_project(self, configure):
        configure({"SECRETS": [GOOD], "PROJECT_IDS": {"old": ["41"]}})
        assert list(checks()) == ["W013"]
        assert checks()["W013"].hint == "Make SECRETS a dict of label and secret."

    @pytest.mark.parametrize("projects", [{"old": ["41"]}, {"old": ["41"], "new": []}])
    def test_a_label_without_a_project(self, configure, projects):
        configure({"SECRETS": {"old": GOOD, "new": GOOD[::-1]}, "PROJECT_IDS": projects})
        assert list(checks()) == ["W013"]
        assert "'new'" in checks()["W013"].msg
        configure({"SECRETS": {"old": GOOD, "new": GOOD[::-1]}, "PROJECT_IDS": ["41"]})
        assert checks() == {}

    def test_own_authenticator_needs_no_secret(self, configure):
        configure({"AUTHENTICATOR": "tests.test_endpoint.only_tenant_seven"})
        assert checks() == {}

    @pytest.mark.parametrize(
        "path", ["no.such.module", "tests.urls.urlpatterns", "nodots", "tests.raises.x"]
    )
    def test_paths_that_cannot_be_imported_or_called(self, configure, path):
        configure({"AUTHENTICATOR": path, "PROCESSOR": path})
        assert set(checks()) == {"E006", "E007"}

    @pytest.mark.parametrize(
        ("pool", "warned"),
        [
            (True, 30),
            ({}, None),
            ({"min_size": 2}, 30),
            ({"timeout": 11}, 11),
            ({"timeout": 2}, None),
        ],
    )
    def test_pool_that_waits_long(self, configure, monkeypatch, pool, warned):
        configure({"SECRETS": [GOOD]})
        monkeypatch.setitem(connection.settings_dict["OPTIONS"], "pool", pool)
        assert list(checks()) == (["W008"] if warned else [])
        if warned:
            assert f"waits {warned} s" in checks()["W008"].msg

    def test_a_database_that_commits_nothing(self, configure, monkeypatch):
        configure({"SECRETS": [GOOD]})
        monkeypatch.setitem(connection.settings_dict, "AUTOCOMMIT", False)
        assert list(checks()) == ["E017"]

    def test_spool(self, configure, tmp_path, settings):
        file = tmp_path / "file"
        file.touch()
        for folder in (tmp_path, tmp_path / "not" / "yet", str(tmp_path), None):
            configure({"SECRETS": [GOOD], "SPOOL_DIR": folder})
            assert checks() == {}
        link = tmp_path / "link"
        link.symlink_to(tmp_path / "not mounted")
        for folder in (file, file / "below", link, link / "below"):
            configure({"SECRETS": [GOOD], "SPOOL_DIR": folder})
            assert list(checks()) == ["E008"]
            assert "outlives the container" in checks()["E008"].hint
        configure({"SECRETS": [GOOD], "SPOOL_DIR": tmp_path / "media" / "spool"})
        settings.MEDIA_ROOT = str(tmp_path / "media")
        assert list(checks()) == ["E009"]
        (tmp_path / "media").mkdir()
        (tmp_path / "to_media").symlink_to(tmp_path / "media")
        for folder in ("other/../media/spool", "to_media/spool"):
            configure({"SECRETS": [GOOD], "SPOOL_DIR": tmp_path / folder})
            assert list(checks()) == ["E009"]
        for wrong in (7, f"{tmp_path}\0", Path("a\0b")):
            configure({"SECRETS": [GOOD], "SPOOL_DIR": wrong})
            assert list(checks()) == ["E004"]
        assert app_settings.spool_dir is None

    def test_a_relative_spool(self, configure, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        configure({"SECRETS": [GOOD], "SPOOL_DIR": "spool"})
        assert list(checks()) == ["W014"]

    @pytest.mark.parametrize("has_spool", [True, False])
    def test_the_deployment_has_a_spool(self, configure, tmp_path, has_spool):
        configure({"SECRETS": [GOOD], "SPOOL_DIR": tmp_path if has_spool else None})
        assert ("I002" in checks(include_deployment_checks=True)) is not has_spool

    def test_a_spool_in_a_folder_that_this_user_cannot_enter(self, configure, tmp_path):
        (tmp_path / "locked").mkdir(mode=0o700)
        configure({"SECRETS": [GOOD], "SPOOL_DIR": tmp_path / "locked" / "spool"})
        is_root = os.geteuid() == 0
        if is_root:
            os.setresuid(65534, 65534, 0)
        else:
            (tmp_path / "locked").chmod(0)
        try:
            assert list(checks()) == ["E008"]
        finally:
            if is_root:
                os.setresuid(0, 0, 0)
            else:
                (tmp_path / "locked").chmod(0o700)

    @pytest.mark.parametrize(
        ("path", "problem"),
        [
            ("no.such.module", "cannot be imported"),
            ("tests.urls.urlpatterns", "cannot be called"),
            ("tests.test_conf.async_function", "async"),
        ],
    )
    def test_spool_scope(self, configure, path, problem):
        configure({"SECRETS": [GOOD], "SPOOL_SCOPE": path})
        assert list(checks()) == ["E011"]
        assert problem in checks()["E011"].msg

    def test_a_valid_spool_scope(self, configure):
        configure({"SECRETS": [GOOD], "SPOOL_SCOPE": "tests.test_owners.current_tenant"})
        assert checks() == {}
        configure({"SECRETS": [GOOD], "SPOOL_SCOPE": 5})
        assert list(checks()) == ["E004", "E011"]

    @pytest.mark.parametrize(
        "value", ["x", [], 5, {"41": ""}, {"41": 5}, {None: "t-1"}, {1.5: "t-1"}]
    )
    def test_invalid_tokens(self, configure, value):
        configure({"SECRETS": [GOOD], "API_TOKENS": value})
        assert list(checks()) in (["E004"], ["E014"])
        if value != "x":
            assert app_settings.api_tokens == {}
            assert "t-1" not in checks()["E004"].msg

    def test_a_project_with_white_space_around_its_id(self, configure):
        configure({"SECRETS": [GOOD], "API_TOKENS": {" 4100\n": "t-1 "}})
        assert app_settings.api_tokens == {"4100": "t-1"}

    def test_a_token_without_its_project(self, configure):
        """It may be a token, so it is not shown."""
        configure({"SECRETS": [GOOD], "API_TOKENS": "a1b2c3"})
        assert list(checks()) == ["E014"]
        assert "a1b2c3" not in checks()["E014"].msg + checks()["E014"].hint

    def test_a_function_of_tokens(self, configure):
        configure({"SECRETS": [GOOD], "API_TOKENS": "tests.test_reconcile.tokens"})
        assert checks() == {}
        configure({"SECRETS": [GOOD], "API_TOKENS": "tests.test_reconcile.nothing"})
        assert list(checks()) == ["E014"]
        configure({"SECRETS": [GOOD], "API_TOKENS": "tests.test_conf.async_function"})
        assert "never awaited" in checks()["E014"].msg

    def test_tokens_of_projects(self, configure):
        configure({"SECRETS": [GOOD], "API_TOKENS": {41: " t-1\n", "42": "t-2"}})
        assert app_settings.api_tokens == {"41": "t-1", "42": "t-2"}
        assert checks() == {}

    def test_tokens_without_httpx(self, configure, monkeypatch):
        monkeypatch.setattr("pickyassist_webhooks.checks.settings.find_spec", lambda name: None)
        configure({"SECRETS": [GOOD], "API_TOKENS": {"41": "t-1"}})
        assert list(checks()) == ["E015"]
        assert "[reconcile]" in checks()["E015"].hint

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("API_CALLS_PER_MINUTE", 0),
            ("RECONCILE_AFTER", 59),
            ("RECONCILE_AFTER", 10**9),
            ("RECONCILE_DAYS", 0),
            ("API_URL", "http://pickyassist.com/"),
        ],
    )
    def test_values_of_reconciling(self, configure, key, value):
        configure({"SECRETS": [GOOD], key: value})
        assert list(checks()) == ["E004"]
        assert app_settings.api_calls_per_minute == 3
        assert app_settings.reconcile_after == timedelta(hours=1)
        assert app_settings.reconcile_days == timedelta(days=3)
        usual = "https://pickyassist.com/app/api/v2/"
        assert app_settings.api_url == ("" if key == "API_URL" else usual)

    @pytest.mark.parametrize("path", ["no.such.module", "tests.test_conf.async_function"])
    def test_alarm(self, configure, path):
        configure({"SECRETS": [GOOD], "ALARM": path})
        assert list(checks()) == ["E016"]
        configure({"SECRETS": [GOOD], "ALARM": "pickyassist_webhooks.alarms.mail_admins"})
        assert checks() == {}

    @pytest.mark.parametrize(
        ("admins", "ids"), [([], ["W011"]), ([("Ada", "ada@example.com")], [])]
    )
    def test_alarms_that_no_one_gets(self, configure, settings, tmp_path, admins, ids):
        alarm = "pickyassist_webhooks.alarms.mail_admins"
        configure({"SECRETS": [GOOD], "ALARM": alarm, "SPOOL_DIR": tmp_path})
        settings.ADMINS = admins
        assert list(checks(include_deployment_checks=True)) == ids

    @pytest.mark.parametrize(
        "wrong", [60, {"delivery": 60}, {"delivery_report": 0}, {"delivery_report": "60"}]
    )
    def test_an_invalid_silence_is_the_usual_one(self, configure, wrong):
        configure({"SECRETS": [GOOD], "SILENCE": wrong})
        assert list(checks()) == ["E004"]
        assert app_settings.silence == {}
        assert "delivery_report, filter_report" in checks()["E004"].hint

    @pytest.mark.parametrize(("engine", "extra"), EXTRAS.items())
    def test_an_engine_that_is_not_installed(self, configure, monkeypatch, engine, extra):
        for needed in ("celery", "django.tasks", "django_tasks"):
            monkeypatch.setitem(sys.modules, needed, None)  # importing it fails
        monkeypatch.delitem(sys.modules, engine, raising=False)
        configure({"SECRETS": [GOOD], "PROCESSOR": f"{engine}.enqueue"})
        install = f'pip install "django-pickyassist-webhooks[{extra}]"'
        assert checks()["E007"].hint == f"Install it: {install}."

    def test_an_async_authenticator(self, configure):
        configure({"SECRETS": [GOOD], "AUTHENTICATOR": "tests.test_conf.async_function"})
        assert list(checks()) == ["E006"]
        assert "async" in checks()["E006"].msg

    def test_an_async_processor(self, configure):
        configure({"SECRETS": [GOOD], "PROCESSOR": "tests.test_conf.async_function"})
        assert list(checks()) == ["E007"]
        assert "which is never awaited" in checks()["E007"].msg

    def test_processor(self, configure):
        configure({"SECRETS": [GOOD], "PROCESSOR": "tests.test_endpoint.remember"})
        assert checks() == {}
        configure({"SECRETS": [GOOD], "PROCESSOR": "none"})
        assert checks() == {}

    @pytest.mark.parametrize(
        ("days", "warned"),
        [
            ({}, False),
            ({"bodies": 10}, False),
            ({"bodies": 10, "events": 10}, False),
            ({"bodies": 11, "events": 10}, True),
            ({"events": 10}, True),
        ],
    )
    def test_bodies_kept_longer_than_events(self, configure, days, warned):
        configure({"SECRETS": [GOOD], "RETENTION_DAYS": days})
        assert list(checks()) == ["W006"] * warned

    @pytest.mark.parametrize(
        "wrong",
        [{"body": 1}, {"bodies": 0}, {"events": "9"}, {"events": 36501}, 30, [("bodies", 1)]],
    )
    def test_an_invalid_retention_deletes_nothing(self, configure, wrong):
        configure({"SECRETS": [GOOD], "RETENTION_DAYS": wrong})
        assert list(checks()) == ["E004"]
        assert app_settings.retention("bodies") is app_settings.retention("events") is None

    def test_the_invalid_key_or_value_is_named(self, configure):
        configure({"SECRETS": [GOOD], "RETENTION_DAYS": {"bodies": 1, "body": 1}})
        assert "an invalid key 'body'; use 'bodies' or 'events'." in checks()["E004"].msg
        configure({"SECRETS": [GOOD], "MAX_ATTEMPTS": -3})
        assert "has an invalid value -3." in checks()["E004"].msg

    def test_no_url(self, settings):
        settings.ROOT_URLCONF = "tests.test_conf"
        assert list(checks()) == ["W002"]
        settings.SECURE_SSL_REDIRECT = True
        assert list(checks()) == ["W002"]

    @pytest.mark.urls("tests.urls_api")
    def test_the_api_without_the_apps_of_its_pages(self, settings):
        usual = [app for app in settings.INSTALLED_APPS if app != "rest_framework"]
        settings.INSTALLED_APPS = usual
        assert list(checks()) == ["E010"]
        assert checks()["E010"].hint == "Add to INSTALLED_APPS: 'rest_framework', 'django_filters'."
        settings.INSTALLED_APPS = [*usual, "rest_framework"]
        assert "lacks django_filters. Its pages" in checks()["E010"].msg
        settings.INSTALLED_APPS = [*usual, "rest_framework", "django_filters"]
        assert checks() == {}

    def test_redirect_to_https(self, settings):
        settings.SECURE_SSL_REDIRECT = True
        assert list(checks()) == ["W003"]
        settings.SECURE_REDIRECT_EXEMPT = [r"^pickyassist/events/"]
        assert checks() == {}

    def test_redirect_to_www(self, settings):
        settings.PREPEND_WWW = True
        assert list(checks()) == ["W004"]

    def test_redirects_without_their_middleware(self, settings):
        settings.SECURE_SSL_REDIRECT = settings.PREPEND_WWW = True
        settings.MIDDLEWARE = []
        assert checks() == {}

    def test_hosts(self, settings):
        settings.ALLOWED_HOSTS = []
        assert list(checks()) == ["W005"]
        settings.DEBUG = True
        assert checks() == {}


urlpatterns: list[object] = []
