"""Requests that the database did not take, and how they come into it later."""

from __future__ import annotations

import errno
import json
import os
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import DatabaseError, connection

from pickyassist_webhooks import spool
from pickyassist_webhooks.models import GroupMemberEvent, WebhookRequest
from pickyassist_webhooks.models.requests import WebhookRequestQuerySet
from pickyassist_webhooks.sweep import drain, sweep
from tests.requests import delivery, keep, member, post, row

pytestmark = pytest.mark.django_db(transaction=True)

BODY = json.dumps(member()).encode() + b"\n\xff\x00 \n"


@pytest.fixture
def folder(settings, tmp_path):
    folder = tmp_path / "spool"
    ours = {**settings.PICKYASSIST_WEBHOOKS, "SPOOL_DIR": folder}
    settings.PICKYASSIST_WEBHOOKS = ours
    return folder


@pytest.fixture
def away():
    """Take the table of requests away, and bring it back."""

    class Away:
        def __enter__(self):
            self.rename("pickyassist_webhooks_webhookrequest", "taken_away")

        def __exit__(self, *raised):
            self.rename("taken_away", "pickyassist_webhooks_webhookrequest")

        def rename(self, before, after):
            with connection.cursor() as cursor:
                cursor.execute(
                    "PRAGMA legacy_alter_table = ON"
                ) if connection.vendor == "sqlite" else None
                cursor.execute(f"ALTER TABLE {before} RENAME TO {after}")

    return Away()


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_what_the_database_does_not_take(folder, away, caplog):
    with away:
        answer = post(BODY, content_type="text/plain")
    assert answer.status_code == 200
    assert answer.json() == {"ok": True, "id": answer.json()["id"], "state": "spooled"}
    [path] = folder.iterdir()
    assert path.name == f"{answer.json()['id']}.request"
    assert path.read_bytes().endswith(b"\n" + BODY)
    assert "is in the spool" in caplog.text

    assert sweep() == {"drained": 1, "quarantined": 1}
    request = WebhookRequest.objects.get()
    assert bytes(request.body) == BODY
    assert (str(request.token), request.content_type) == (answer.json()["id"], "text/plain")
    assert request.attempts == 1
    assert files(folder) == []


def test_nobody_else_can_read_it(folder, away):
    with away:
        post(member())
    [path] = folder.iterdir()
    private = {0o600, 0o700} if os.name == "posix" else {0o666, 0o777}  # Windows has no modes
    assert {stat.S_IMODE(path.stat().st_mode), stat.S_IMODE(folder.stat().st_mode)} == private


def test_a_folder_that_has_to_be_made(folder, away, monkeypatch):
    """Its own name is synced as well, or a loss of power could take all of it away."""
    synced = []

    def remember(descriptor, fsync=os.fsync):
        synced.append(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    monkeypatch.setattr("os.fsync", remember)
    with away:
        assert post(member()).status_code == post(member(2)).status_code == 200
    if os.name == "posix":  # Windows opens no folder
        parent, directory = folder.parent.stat().st_ino, folder.stat().st_ino
        assert [each for each in synced if each in (parent, directory)] == [
            parent,
            *[directory] * 2,
        ]


def test_without_a_spool_it_is_refused(away, caplog):
    with away:
        answer = post(member())
    assert answer.status_code == 503
    assert answer["Retry-After"]
    assert "sha256" in caplog.text


def test_where_neither_takes_it(folder, away, caplog):
    folder.write_text("a file where the folder should be")
    with away:
        assert post(member()).status_code == 503
    assert "Lost a request" in caplog.text


def test_a_file_that_cannot_be_synced_is_not_left_behind(folder, away, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    folder.mkdir()
    monkeypatch.setattr("os.fsync", full)
    with away:
        assert post(member()).status_code == 503
    assert files(folder) == []


class TestDraining:
    def spooled(self, *payloads, **metadata):
        requests = [
            WebhookRequest.objects.new(json.dumps(payload).encode(), **metadata)
            for payload in payloads
        ]
        for number, request in enumerate(requests):
            assert spool.write(request)
            moment = 1_700_000_000 + number
            path = spool.app_settings.spool_dir / f"{request.token}.request"
            os.utime(path, (moment, moment))
        return requests

    def test_twice_is_harmless(self, folder):
        [request] = self.spooled(delivery())
        [path] = folder.iterdir()
        copy = path.read_bytes()
        assert drain() == 1
        path.write_bytes(copy)
        assert drain() == 1
        assert WebhookRequest.objects.get().token == request.token
        assert files(folder) == []

    def test_what_was_committed_after_all(self, folder):
        [request] = self.spooled(delivery())
        WebhookRequest.objects.keep(request)
        assert drain() == 1
        assert WebhookRequest.objects.count() == 1

    def test_it_ranks_by_when_it_was_drained(self, folder):
        late, later = self.spooled(member(1), member(2))
        early = keep(member(1, number="9"))
        sweep()
        order = list(WebhookRequest.objects.order_by("pk").values_list("token", flat=True))
        assert order == [early.token, late.token, later.token]
        received = WebhookRequest.objects.get(token=late.token).received_at
        assert received == late.received_at
        actions = GroupMemberEvent.objects.filter(number="15550001111").in_order()
        assert [event.action for event in actions] == [1, 2]

    def test_how_it_came_is_kept(self, folder):
        told = {
            "content_type": "application/json; charset=ü",
            "content_encoding": "gzip",
            "query": "a=1&b=***",
            "remote_addr": "192.0.2.1",
            "secret_label": "shop",
        }
        [request] = self.spooled(delivery(), **told)
        drain()
        kept = WebhookRequest.objects.get()
        assert {name: getattr(kept, name) for name in told} == {
            **told,
            "content_type": "application/json; charset=?",
        }
        assert abs(kept.received_at - request.received_at) < timedelta(microseconds=1)

    @pytest.mark.parametrize("broken", [b"", b"{}\n", b"[]\nx", b'{"bytes": 1}\nx', b"\xff\n"])
    def test_a_file_that_is_none_of_ours_stays_and_costs_no_other(self, folder, broken, caplog):
        self.spooled(delivery())
        (folder / "0.request").write_bytes(broken)
        os.utime(folder / "0.request", (0, 0))
        assert drain() == 1
        assert files(folder) == ["0.request"]
        assert "is left where it is" in caplog.text

    def test_a_file_that_was_cut(self, folder):
        self.spooled(delivery())
        [path] = folder.iterdir()
        path.write_bytes(path.read_bytes()[:-1])
        assert drain() == 0
        assert len(files(folder)) == 1

    def test_while_the_database_is_still_away(self, folder, away):
        self.spooled(delivery(row("1")), delivery(row("2")))
        with away:
            assert drain() == 0
        assert len(files(folder)) == 2
        assert drain() == 2

    def test_it_can_be_stopped(self, folder):
        self.spooled(delivery())
        assert drain(stop=lambda: True) == 0

    def test_another_worker_is_faster(self, folder, monkeypatch):
        self.spooled(delivery())
        monkeypatch.setattr(spool, "waiting", lambda: [folder / "gone.request"])
        assert drain() == 0

    def test_unfinished_files_are_no_requests(self, folder):
        folder.mkdir()
        for name in ("new.part", "old.part"):
            (folder / name).write_bytes(b"half")
        os.utime(folder / "old.part", (0, 0))
        assert drain() == 0
        assert files(folder) == ["new.part"]  # the other one's writer was killed long ago

    def test_a_file_that_goes_while_it_is_looked_at(self, folder, monkeypatch):
        def gone(path, *rest, stat=Path.stat, **named):
            if path.name == late.name:
                raise FileNotFoundError
            return stat(path, *rest, **named)

        self.spooled(delivery(), member())
        late, _ = spool.waiting()
        monkeypatch.setattr(Path, "stat", gone)
        assert drain() == 1

    def test_a_folder_that_cannot_be_read_costs_the_inbox_nothing(self, folder, caplog):
        folder.write_text("a file where the folder should be")
        keep(delivery())
        assert sweep() == {"done": 1}
        assert "The spool cannot be read" in caplog.text

    def test_one_that_the_database_never_takes_costs_no_other(self, folder, monkeypatch):
        def keep(requests, request, keep=WebhookRequestQuerySet.keep):
            if request.token == refused.token:
                raise DatabaseError("a packet bigger than max_allowed_packet")
            return keep(requests, request)

        refused, _, _ = self.spooled(delivery(), member(), delivery(row("9")))
        monkeypatch.setattr(WebhookRequestQuerySet, "keep", keep)
        assert drain() == 2
        assert files(folder) == [f"{refused.token}.request"]

    @pytest.mark.parametrize("before", [True, False])
    def test_written_before_use_tz_was_changed(self, folder, settings, before):
        settings.USE_TZ = before
        [request] = self.spooled(delivery())
        settings.USE_TZ = not before
        assert drain() == 1
        received = WebhookRequest.objects.get().received_at
        assert received.replace(tzinfo=None) == request.received_at.replace(tzinfo=None)
