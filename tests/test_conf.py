"""Settings: typed, read when asked, and what the checks say of each slip."""

from __future__ import annotations

import sys
from datetime import timedelta
from io import StringIO

import pytest
from django.core.checks import run_checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError

from pickyassist_webhooks.checks import EXTRAS
from pickyassist_webhooks.conf import KEYS, app_settings

GOOD = "a-secret-of-more-than-22-characters"


@pytest.fixture
def configure(settings):
    def configure(value):
        settings.PICKYASSIST_WEBHOOKS = value

    return configure


def found():
    return {
        message.id.split(".")[1]: message for message in run_checks(tags=["pickyassist_webhooks"])
    }


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
        ({"a": ["4100"]}, True),
        ({"b": ["4100"]}, False),
        ([], False),
        ("4100", False),  # a wrong type must not open what it was to close
        ([True], False),
        (4100, False),
    ],
)
def test_projects(configure, value, accepted):
    configure({"PROJECT_IDS": value})
    assert app_settings.accepts_project("a", "4100") is accepted


def test_labels_that_are_kept_alike_open_neither(configure):
    configure({"PROJECT_IDS": {"Köln": ["1"], "Käln": ["2"]}})
    assert not app_settings.accepts_project("K?ln", "1")
    assert not app_settings.accepts_project("K?ln", "2")


async def nobody_waits(request, secret):
    return "label"


def test_labels_are_compared_as_they_are_kept(configure):
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
        {"PROCESSOR": None},
    ],
)
def test_a_wrong_type_is_said_and_loses_nothing(configure, wrong):
    configure({"SECRETS": [GOOD], **wrong})
    [name] = wrong
    assert getattr(app_settings, name.lower()) in (KEYS[name].default, timedelta(hours=9))
    assert list(found()) == ["E004"]
    assert found()["E004"].hint == f"Expected {KEYS[name].expected}."


class TestChecks:
    def test_nothing_to_say(self, configure):
        configure({"SECRETS": [GOOD]})
        assert found() == {}

    @pytest.mark.django_db(databases="__all__")
    def test_they_are_wired_to_the_command(self, configure):
        configure({"SECRETS": []})
        with pytest.raises(SystemCheckError, match=r"pickyassist_webhooks\.E001"):
            call_command("check", stderr=StringIO())

    @pytest.mark.parametrize("value", [None, {}, {"SECRETS": {}}, {"SECRETS": []}])
    def test_no_secret(self, configure, value):
        configure(value)
        assert list(found()) == ["E001"]

    def test_not_a_dict(self, configure):
        configure([GOOD])
        assert set(found()) == {"E001", "E002"}
        assert "it is a list" in found()["E002"].msg

    def test_unknown_keys(self, configure):
        configure({"SECRETS": [GOOD], "SECRET": [GOOD]})
        assert list(found()) == ["E003"]
        assert found()["E003"].hint == "Did you mean SECRETS?"
        configure({"SECRETS": [GOOD], 5: [GOOD]})
        assert found()["E003"].hint.startswith("Known keys: SECRETS, ")

    @pytest.mark.parametrize("value", ["text", [None], [""], {"a": ["b"]}, {5: "b"}, 5])
    def test_secrets_of_a_wrong_type(self, configure, value):
        configure({"SECRETS": value})
        assert set(found()) == {"E001", "E004"}
        assert "text" not in found()["E004"].msg

    def test_secret_that_does_not_fit_into_a_url(self, configure):
        configure({"SECRETS": {"new": GOOD + "/"}})
        assert list(found()) == ["E005"]
        assert "labelled 'new'" in found()["E005"].msg
        assert GOOD not in found()["E005"].msg

    def test_short_secret(self, configure):
        configure({"SECRETS": ["x" * 21, "x" * 22]})
        assert list(found()) == ["W001"]
        assert "only 21 characters" in found()["W001"].msg

    def test_own_authenticator_needs_no_secret(self, configure):
        configure({"AUTHENTICATOR": "tests.test_endpoint.only_tenant_seven"})
        assert found() == {}

    @pytest.mark.parametrize(
        "path", ["no.such.module", "tests.urls.urlpatterns", "nodots", "tests.raises.x"]
    )
    def test_what_cannot_be_imported_or_called(self, configure, path):
        configure({"AUTHENTICATOR": path, "PROCESSOR": path})
        assert set(found()) == {"E006", "E007"}

    def test_spool(self, configure, tmp_path, settings):
        file = tmp_path / "file"
        file.touch()
        for folder in (tmp_path, tmp_path / "not" / "yet", str(tmp_path), None):
            configure({"SECRETS": [GOOD], "SPOOL_DIR": folder})
            assert found() == {}
        for folder in (file, file / "below"):
            configure({"SECRETS": [GOOD], "SPOOL_DIR": folder})
            assert list(found()) == ["E008"]
            assert "outlives the container" in found()["E008"].hint
        configure({"SECRETS": [GOOD], "SPOOL_DIR": tmp_path / "media" / "spool"})
        settings.MEDIA_ROOT = str(tmp_path / "media")
        assert list(found()) == ["E009"]
        configure({"SECRETS": [GOOD], "SPOOL_DIR": 7})
        assert list(found()) == ["E004"]
        assert app_settings.spool_dir is None

    @pytest.mark.parametrize(("engine", "extra"), EXTRAS.items())
    def test_an_engine_that_is_not_installed(self, configure, monkeypatch, engine, extra):
        for needed in ("celery", "django.tasks", "django_tasks"):
            monkeypatch.setitem(sys.modules, needed, None)  # importing it fails
        monkeypatch.delitem(sys.modules, engine, raising=False)
        configure({"SECRETS": [GOOD], "PROCESSOR": f"{engine}.enqueue"})
        install = f'pip install "django-pickyassist-webhooks[{extra}]"'
        assert found()["E007"].hint == f"Install it: {install}."

    def test_an_async_authenticator(self, configure):
        configure({"SECRETS": [GOOD], "AUTHENTICATOR": "tests.test_conf.nobody_waits"})
        assert list(found()) == ["E006"]
        assert "async" in found()["E006"].msg

    def test_processor(self, configure):
        configure({"SECRETS": [GOOD], "PROCESSOR": "tests.test_endpoint.remember"})
        assert found() == {}
        configure({"SECRETS": [GOOD], "PROCESSOR": "none"})
        assert found() == {}

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
        assert list(found()) == ["W006"] * warned

    @pytest.mark.parametrize(
        "wrong",
        [{"body": 1}, {"bodies": 0}, {"events": "9"}, {"events": 36501}, 30, [("bodies", 1)]],
    )
    def test_retention_that_is_wrong_deletes_nothing(self, configure, wrong):
        configure({"SECRETS": [GOOD], "RETENTION_DAYS": wrong})
        assert list(found()) == ["E004"]
        assert app_settings.retention("bodies") is app_settings.retention("events") is None

    def test_no_url(self, settings):
        settings.ROOT_URLCONF = "tests.test_conf"
        assert list(found()) == ["W002"]
        settings.SECURE_SSL_REDIRECT = True
        assert list(found()) == ["W002"]

    @pytest.mark.urls("tests.urls_api")
    def test_the_api_without_the_apps_of_its_pages(self, settings):
        usual = [app for app in settings.INSTALLED_APPS if app != "rest_framework"]
        settings.INSTALLED_APPS = usual
        assert list(found()) == ["E010"]
        assert found()["E010"].hint == "Add to INSTALLED_APPS: 'rest_framework', 'django_filters'."
        settings.INSTALLED_APPS = [*usual, "rest_framework"]
        assert "lacks django_filters, whose" in found()["E010"].msg
        settings.INSTALLED_APPS = [*usual, "rest_framework", "django_filters"]
        assert found() == {}

    def test_redirect_to_https(self, settings):
        settings.SECURE_SSL_REDIRECT = True
        assert list(found()) == ["W003"]
        settings.SECURE_REDIRECT_EXEMPT = [r"^pickyassist/events/"]
        assert found() == {}

    def test_redirect_to_www(self, settings):
        settings.PREPEND_WWW = True
        assert list(found()) == ["W004"]

    def test_redirects_nobody_does(self, settings):
        settings.SECURE_SSL_REDIRECT = settings.PREPEND_WWW = True
        settings.MIDDLEWARE = []
        assert found() == {}

    def test_hosts(self, settings):
        settings.ALLOWED_HOSTS = []
        assert list(found()) == ["W005"]
        settings.DEBUG = True
        assert found() == {}


urlpatterns: list[object] = []
