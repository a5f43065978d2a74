"""Owners of spool files: others skip them, and a file of an unknown owner waits for a person."""

from __future__ import annotations

import json
import os
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from pickyassist_webhooks.exceptions import ForeignSpoolFile
from pickyassist_webhooks.inbox import spool, spool_owners
from pickyassist_webhooks.inbox.sweep import drain
from pickyassist_webhooks.models import WebhookRequest
from pickyassist_webhooks.privacy.erasure import Erasure
from pickyassist_webhooks.privacy.phone_numbers import Number
from tests.requests import delivery, row

pytestmark = pytest.mark.django_db(transaction=True)

NUMBER = "493012345670"


class Tenants:
    """The current tenant, in a project with a schema for each."""

    current: object = "acme"


def current_tenant():
    if isinstance(Tenants.current, Exception):
        raise Tenants.current
    return Tenants.current


class Router:
    def db_for_write(self, model, **hints):
        raise ConnectionError("the table of tenants is away")


@pytest.fixture
def folder(settings, tmp_path):
    return configure(settings, SPOOL_DIR=tmp_path / "spool")


@pytest.fixture
def tenants(settings, folder, monkeypatch):
    monkeypatch.setattr(Tenants, "current", "acme")
    configure(settings, SPOOL_SCOPE=f"{__name__}.current_tenant")
    return Tenants


def configure(settings, **ours):
    settings.PICKYASSIST_WEBHOOKS = settings.PICKYASSIST_WEBHOOKS | ours
    return ours.get("SPOOL_DIR")


@pytest.fixture
def renamed(monkeypatch):
    """Give the database another name, like a test database."""

    connection.ensure_connection()  # which stays what it is

    def rename(name):
        monkeypatch.setitem(connection.settings_dict, "NAME", name)

    return rename


def write(number=NUMBER):
    request = WebhookRequest.objects.new(json.dumps(delivery(row(number=number))).encode())
    assert spool.write(request)
    [path] = spool.app_settings.spool_dir.glob(f"{request.token}*")
    return path


def header(path):
    return json.loads(path.read_bytes().partition(b"\n")[0])


def process(*options):
    out = StringIO()
    call_command("pickyassist_process", *options, stdout=out)
    return out.getvalue()


def test_a_file_names_its_database(folder):
    owner = header(write())
    name = connection.settings_dict["NAME"]
    if connection.vendor == "sqlite":
        name = os.path.realpath(name)
    expected = {"alias": "default", "vendor": connection.vendor, "name": name}
    assert (owner["database"], owner["scope"]) == (expected, "")


def test_a_file_has_no_data_that_differs_between_processes(folder, monkeypatch):
    path = write()
    for name in ("HOST", "PORT", "USER", "PASSWORD"):
        monkeypatch.setitem(connection.settings_dict, name, "of-another-process")
    assert spool.read(path)
    assert "of-another-process" not in write().read_text()


def test_a_sqlite_file_is_the_same_by_any_path(folder, tmp_path, renamed, monkeypatch):
    monkeypatch.setattr(connection, "vendor", "sqlite")
    (tmp_path / "releases").mkdir()
    (tmp_path / "db.sqlite3").touch()
    (tmp_path / "releases/db.sqlite3").symlink_to(tmp_path / "db.sqlite3")
    renamed(tmp_path / "db.sqlite3")
    path = write()
    renamed(str(tmp_path / "releases" / "db.sqlite3"))
    assert spool.read(path)
    monkeypatch.chdir(tmp_path)
    renamed("db.sqlite3")
    assert spool.read(path)


@pytest.mark.parametrize("name", [":memory:", "file:memorydb_default?mode=memory&cache=shared", ""])
def test_a_database_without_a_path_has_its_name(renamed, monkeypatch, name):
    monkeypatch.setattr(connection, "vendor", "sqlite")
    renamed(name)
    assert spool_owners.current().database["name"] == name


def test_the_file_of_another_database_is_skipped(folder, renamed, caplog):
    renamed("another")
    path = write()
    content = path.read_bytes()
    renamed("this one")
    assert drain() == 0
    assert not Erasure(Number(NUMBER)).find()
    assert not Erasure(Number(NUMBER)).carry_out("me")
    assert path.read_bytes() == content
    assert "spool" not in caplog.text.lower()
    renamed("another")
    assert drain() == 1
    assert not path.exists()


def test_each_tenant_takes_its_own(tenants, caplog):
    acme = write()
    tenants.current = "bolt"
    bolt = write()
    assert drain() == 1
    assert (acme.exists(), bolt.exists()) == (True, False)
    assert not Erasure(Number(NUMBER)).find()["spool files"]
    with pytest.raises(ForeignSpoolFile):
        spool.read(acme)
    tenants.current = "acme"
    assert Erasure(Number(NUMBER)).find()["spool files"] == 1
    assert drain() == 1
    assert not caplog.text


def test_others_files_are_not_even_opened(tenants, monkeypatch):
    for number in range(50):
        tenants.current = f"tenant {number}"
        write()
    opened = []
    real = os.open

    def remember(path, *rest, **named):
        opened.append(path)
        return real(path, *rest, **named)

    monkeypatch.setattr(os, "open", remember)
    assert drain() == 1
    assert len(opened) == 1


def test_a_file_keeps_its_token_in_its_name(tenants):
    path = write()
    assert path.name == f"{header(path)['token']}.{spool_owners.current().mark}.request"


@pytest.mark.parametrize("scope", [ValueError("no tenant"), None, "", 7, "x" * 256])
def test_an_unknown_scope_loses_nothing(tenants, scope, caplog):
    tenants.current = scope
    path = write()
    assert header(path)["scope"] is None
    assert "SPOOL_SCOPE" in caplog.text
    assert "pickyassist_process --adopt" in caplog.text
    assert drain() == 0
    assert "Could not read the spool" in caplog.text
    assert Erasure(Number(NUMBER)).find() == {"unreadable files": 1}
    assert path.exists()


@pytest.mark.parametrize("path", [7, "no.such.hook"])
def test_a_hook_that_is_misspelt_loses_nothing(settings, folder, path):
    configure(settings, SPOOL_SCOPE=path)
    assert header(write())["scope"] is None


def test_a_router_that_raises_loses_nothing(settings, folder, caplog):
    settings.DATABASE_ROUTERS = [f"{__name__}.Router"]
    path = write()
    assert header(path)["database"] is None
    assert "router raised ConnectionError" in caplog.text
    settings.DATABASE_ROUTERS = []
    assert drain() == 0
    assert path.exists()


def test_a_file_of_an_unknown_owner_waits_for_a_person(tenants, caplog):
    tenants.current = None
    path = write()
    tenants.current = "acme"
    caplog.clear()
    assert drain() == drain() == 0
    assert Erasure(Number(NUMBER)).find()["unreadable files"] == 1
    [message] = caplog.messages
    assert f"Skipped the spool file {path.name}" in message
    assert "--adopt" in message
    assert "Took 1 from the spool" in process("--adopt", str(path))
    assert not list(path.parent.iterdir())


def test_a_file_of_an_older_version_waits_for_a_person(folder):
    path = write()
    owner = header(path)
    del owner["database"], owner["scope"]
    path.write_bytes(json.dumps(owner).encode() + b"\n" + path.read_bytes().partition(b"\n")[2])
    assert drain() == 0
    assert "Took 1 from the spool" in process("--adopt", str(path))


def test_files_of_a_renamed_database_are_adopted(folder, renamed):
    renamed("old")
    paths = [write(), write()]
    renamed("new")
    assert "Took 2 from the spool" in process("--adopt", *map(str, paths))
    assert WebhookRequest.objects.count() == 2


def test_files_of_another_host_are_adopted(folder, tmp_path):
    path = write().rename(tmp_path / "copied.request")
    process("--adopt", str(path))
    assert not path.exists()
    assert WebhookRequest.objects.count() == 1


def test_an_erased_file_stays_erased_when_it_is_adopted(folder, renamed):
    path = write()
    spool.erase(path)
    renamed("new")
    process("--adopt", str(path))
    request = WebhookRequest.objects.get()
    assert (bytes(request.body), request.state) == (b"", "discarded")


@pytest.mark.parametrize("content", [None, b"", b"{}\n"])
def test_a_file_that_cannot_be_adopted(folder, content):
    path = write()
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(CommandError, match="Could not adopt"):
        process("--adopt", str(path))
    assert path.exists() == (content is not None)


def test_nothing_is_adopted_by_an_unknown_owner(tenants):
    path = write()
    tenants.current = None
    with pytest.raises(CommandError, match="fix the error above"):
        process("--adopt", str(path))
    assert path.exists()
