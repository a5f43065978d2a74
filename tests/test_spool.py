"""Requests that the database refused, and how they are inserted later."""

from __future__ import annotations

import errno
import json
import os
import resource
import socket
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import TestCase

from pickyassist_webhooks.exceptions import NoSpoolFile
from pickyassist_webhooks.inbox import spool, worker
from pickyassist_webhooks.inbox.sweep import drain, sweep
from pickyassist_webhooks.models import GroupMemberEvent, WebhookRequest
from pickyassist_webhooks.privacy.erasure import Erasure
from pickyassist_webhooks.privacy.phone_numbers import Number
from tests.machine import is_quick
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
    """Hide the table of requests, and restore it."""

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


def fifo(path):
    os.mkfifo(path)


def unix_socket(path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


def folder_of_that_name(path):
    path.mkdir()


def link_to_a_file(path):
    (path.parent / "elsewhere").write_bytes(b"{}")
    path.symlink_to("elsewhere")


def link_to_nothing(path):
    path.symlink_to("nowhere")


def device(path):
    os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))  # /dev/zero


def peak():
    """Return the peak memory of this process, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def files_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_request_that_the_database_refuses(folder, away, caplog):
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
    assert files_in(folder) == []


def test_no_other_user_can_read_it(folder, away):
    with away:
        post(member())
    [path] = folder.iterdir()
    private = {0o600, 0o700} if os.name == "posix" else {0o666, 0o777}  # Windows has no modes
    assert {stat.S_IMODE(path.stat().st_mode), stat.S_IMODE(folder.stat().st_mode)} == private


def test_a_link_to_nothing_is_no_empty_folder(folder, caplog):
    """As to a volume that is not mounted: its files may wait there."""
    folder.symlink_to(folder.parent / "not mounted")
    with pytest.raises(FileNotFoundError):
        spool.oldest()
    assert sweep() == {}
    assert "Could not read the spool" in caplog.text
    folder.unlink()
    assert spool.oldest() is None


def test_a_missing_folder_is_made(folder, away, monkeypatch):
    """Its name is synced too, or a power failure could lose the whole folder."""
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


def test_a_folder_that_cannot_be_synced(folder, away, monkeypatch):
    """As on some network disks; an error of the disk is another thing."""

    def refuse(descriptor, fsync=os.fsync):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        fsync(descriptor)

    monkeypatch.setattr("os.fsync", refuse)
    number = errno.EINVAL
    with away:
        assert post(member()).json()["state"] == "spooled"
    number = errno.EIO
    with away:
        assert post(member(2)).status_code == 503
    assert drain() == 2


def test_adopting_makes_the_folder(folder, away, settings, tmp_path):
    with away:
        post(member())
    [path] = folder.iterdir()
    moved = {**settings.PICKYASSIST_WEBHOOKS, "SPOOL_DIR": tmp_path / "of" / "another server"}
    settings.PICKYASSIST_WEBHOOKS = moved
    spool.adopt(path)
    assert drain() == 1


def test_without_a_spool_it_is_refused(away, caplog):
    with away:
        answer = post(member())
    assert answer.status_code == 503
    assert answer["Retry-After"]
    assert "sha256" in caplog.text


def test_if_both_refuse_it(folder, away, caplog):
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
    assert files_in(folder) == []


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
        assert files_in(folder) == []

    def test_a_request_that_was_committed_before(self, folder):
        [request] = self.spooled(delivery())
        worker.keep(request)
        assert drain() == 1
        assert WebhookRequest.objects.count() == 1

    def test_other_bytes_of_the_same_length_are_refused(self, folder, caplog):
        self.spooled(delivery())
        [path] = folder.iterdir()
        path.write_bytes(path.read_bytes()[:-1] + b"!")
        assert drain() == 0
        assert path.exists()
        assert "Skipped the spool file" in caplog.text

    def test_an_encoding_that_is_unknown_to_erasing(self, folder):
        """It is counted when it is a row."""
        self.spooled(delivery(), content_encoding="br")
        assert spool.holding(Number("15550009999").is_in_body) == ([], 0)

    def test_nothing_but_a_file_is_erased(self, folder):
        folder.mkdir()
        fifo(folder / "x.request")
        with pytest.raises(NoSpoolFile):
            spool.erase(folder / "x.request")

    def test_it_queues_by_the_time_of_draining(self, folder):
        late, later = self.spooled(member(1), member(2))
        early = keep(member(1, number="9"))
        sweep()
        order = list(WebhookRequest.objects.order_by("pk").values_list("token", flat=True))
        assert order == [early.token, late.token, later.token]
        received = WebhookRequest.objects.get(token=late.token).received_at
        assert received == late.received_at
        actions = GroupMemberEvent.objects.filter(number="15550001111").in_order()
        assert [event.action for event in actions] == [1, 2]

    def test_the_metadata_is_kept(self, folder):
        metadata = {
            "content_type": "application/json; charset=ü",
            "content_encoding": "gzip",
            "query": "a=1&b=***",
            "remote_addr": "192.0.2.1",
            "secret_label": "shop",
        }
        [request] = self.spooled(delivery(), **metadata)
        drain()
        kept = WebhookRequest.objects.get()
        assert {name: getattr(kept, name) for name in metadata} == {
            **metadata,
            "content_type": "application/json; charset=?",
        }
        assert abs(kept.received_at - request.received_at) < timedelta(microseconds=1)

    @pytest.mark.parametrize("broken", [b"", b"{}\n", b"[]\nx", b'{"bytes": 1}\nx', b"\xff\n"])
    def test_a_foreign_file_stays_and_affects_no_other(self, folder, broken, caplog):
        self.spooled(delivery())
        (folder / "0.request").write_bytes(broken)
        os.utime(folder / "0.request", (0, 0))
        assert drain() == 1
        assert files_in(folder) == ["0.request"]
        assert "Skipped the spool file" in caplog.text

    def test_a_file_that_was_cut(self, folder):
        self.spooled(delivery())
        [path] = folder.iterdir()
        path.write_bytes(path.read_bytes()[:-1])
        assert drain() == 0
        assert len(files_in(folder)) == 1

    @pytest.mark.parametrize(
        "entry",
        [fifo, unix_socket, folder_of_that_name, link_to_a_file, link_to_nothing, device],
    )
    def test_an_irregular_file_stays_and_affects_no_other(self, folder, entry, caplog):
        self.spooled(delivery())
        path = folder / f"{entry.__name__}.request"
        entry(path)
        assert drain() == 1
        assert drain() == 0
        assert os.path.lexists(path)
        assert path.name in caplog.text
        assert caplog.text.count("not a regular file") == 1

    def test_a_file_that_becomes_a_fifo_while_it_is_opened(self, folder, monkeypatch):
        [request] = self.spooled(delivery())
        path = folder / f"{request.token}.request"
        status = path.lstat()
        path.unlink()
        fifo(path)
        monkeypatch.setattr(Path, "lstat", lambda path: status)
        assert drain() == 0

    def test_a_huge_file_is_not_read(self, folder, caplog):
        self.spooled(delivery())
        for name, beginning in {"zeros": b"", "header": b'{"bytes": 5, "sha256": ""}\n'}.items():
            with (folder / f"{name}.request").open("wb") as file:
                file.write(beginning)
                file.truncate(2 * 1024**3)
        before = peak()
        assert drain() == 1
        assert is_quick(lambda: Erasure(Number("15550001111")).find(), 1)
        assert Erasure(Number("15550001111")).find()["unreadable files"] == 2
        assert peak() - before < 100
        assert caplog.text.count("Skipped the spool file") == 2
        assert drain() == 0  # a worker sweeps each second
        assert caplog.text.count("Skipped the spool file") == 2

    def test_a_lower_limit_keeps_no_file_back(self, folder, settings):
        self.spooled(delivery())
        ours = {**settings.PICKYASSIST_WEBHOOKS, "MAX_BODY_BYTES": 1}
        settings.PICKYASSIST_WEBHOOKS = ours
        assert drain() == 1

    def test_a_header_that_is_nested_too_deep(self, folder):
        folder.mkdir()
        (folder / "deep.request").write_bytes(b"[" * 60_000 + b"\n")
        assert drain() == 0
        spool.erase(folder / "deep.request")
        assert files_in(folder) == ["deep.request"]

    def test_entries_of_others_are_not_deleted(self, folder):
        self.spooled(delivery())
        (folder / "folder.part").mkdir()
        os.utime(folder / "folder.part", (0, 0))
        assert drain() == 1
        assert files_in(folder) == ["folder.part"]

    def test_while_the_database_is_still_down(self, folder, away):
        self.spooled(delivery(row("1")), delivery(row("2")))
        with away:
            assert drain() == 0
        assert len(files_in(folder)) == 2
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
        assert files_in(folder) == ["new.part"]  # the writer of the other file was killed long ago

    def test_a_file_that_vanishes_while_it_is_read(self, folder, monkeypatch):
        def gone(path, *rest, stat=Path.stat, **named):
            if path.name == late.name:
                raise FileNotFoundError
            return stat(path, *rest, **named)

        self.spooled(delivery(), member())
        late, _ = spool.waiting()
        monkeypatch.setattr(Path, "stat", gone)
        assert drain() == 1

    def test_a_folder_that_cannot_be_read_does_not_stop_the_inbox(self, folder, caplog):
        folder.write_text("a file where the folder should be")
        keep(delivery())
        assert sweep() == {"done": 1}
        assert "Could not read the spool" in caplog.text

    def test_a_file_that_the_database_always_refuses_affects_no_other(self, folder, monkeypatch):
        def keep(request, keep=worker.keep):
            if request.token == refused.token:
                raise DatabaseError("a packet bigger than max_allowed_packet")
            return keep(request)

        refused, _, _ = self.spooled(delivery(), member(), delivery(row("9")))
        monkeypatch.setattr(worker, "keep", keep)
        assert drain() == 2
        assert files_in(folder) == [f"{refused.token}.request"]

    @pytest.mark.parametrize("before", [True, False])
    def test_written_before_use_tz_was_changed(self, folder, settings, before):
        settings.USE_TZ = before
        [request] = self.spooled(delivery())
        settings.USE_TZ = not before
        assert drain() == 1
        received = WebhookRequest.objects.get().received_at
        assert received.replace(tzinfo=None) == request.received_at.replace(tzinfo=None)


class TestCommitting:
    """A file is deleted once its row is committed, in any transaction."""

    @pytest.fixture
    def path(self, folder):
        request = WebhookRequest.objects.new(json.dumps(delivery()).encode())
        assert spool.write(request)
        [path] = folder.iterdir()
        return path

    def of_a_test_case(self):
        """Return a transaction like the one around each test of a ``TestCase``."""
        atomic = transaction.atomic()
        atomic._from_testcase = True
        return atomic

    def test_it_is_deleted_once_the_caller_commits(self, path):
        with self.of_a_test_case():
            assert drain() == 1
            assert path.exists()
        assert not path.exists()
        assert WebhookRequest.objects.count() == 1

    def test_it_stays_if_a_test_captures_what_follows_the_commit(self, path):
        with self.of_a_test_case():
            with TestCase.captureOnCommitCallbacks(execute=True):
                assert drain() == 1
            transaction.set_rollback(True)
        assert path.exists()
        assert drain() == 1

    def test_it_stays_if_the_caller_rolls_back(self, path):
        with self.of_a_test_case():
            assert drain() == 1
            transaction.set_rollback(True)
        assert path.exists()
        assert drain() == 1
        assert WebhookRequest.objects.count() == 1
        assert not path.exists()

    def test_it_stays_if_a_savepoint_around_it_is_rolled_back(self, path):
        with self.of_a_test_case(), self.of_a_test_case():
            assert drain() == 1
            transaction.set_rollback(True)
        assert path.exists()

    def test_it_stays_inside_a_broken_transaction(self, path):
        with transaction.atomic():
            assert drain() == 0
        assert path.exists()
        assert drain() == 1

    def test_it_stays_while_its_row_is_not_committed(self, path):
        with transaction.atomic():
            spool.read(path).save()
            assert drain() == 1
            transaction.set_rollback(True)
        assert path.exists()
        assert drain() == 1
        assert WebhookRequest.objects.count() == 1

    @pytest.mark.parametrize("is_there", [False, True])
    def test_it_stays_if_someone_else_commits(self, path, is_there):
        if is_there:  # an earlier attempt committed it
            worker.keep(spool.read(path))
        transaction.set_autocommit(False)
        try:
            assert drain() == 0
            transaction.rollback()
        finally:
            transaction.set_autocommit(True)
        assert path.exists()
        assert drain() == 1
        assert WebhookRequest.objects.count() == 1

    @pytest.mark.parametrize("is_there", [False, True])
    def test_it_stays_in_a_transaction_begun_in_plain_sql(self, path, is_there, caplog):
        with connection.cursor() as cursor:
            cursor.execute("BEGIN")
            if is_there:
                spool.read(path).save_base(force_insert=True)
            drain()
            # On MariaDB our commit ends such a transaction.
            is_committed = connection.vendor == "mysql" and not is_there
            assert path.exists() is not is_committed
            if connection.connection is not None:
                connection.connection.rollback()
        assert ("the spool file" in caplog.text) is not is_committed
        connection.close()
        assert drain() == (not is_committed)
        assert WebhookRequest.objects.count() == 1

    def test_it_is_erased_once_that_is_committed(self, path, monkeypatch):
        content = path.read_bytes()
        monkeypatch.setattr("pickyassist_webhooks.privacy.erasure.drain", lambda: 0)
        with transaction.atomic():
            assert Erasure(Number("15550001111")).carry_out("me")["spool files"] == 1
            transaction.set_rollback(True)
        assert path.read_bytes() == content
        with transaction.atomic():
            Erasure(Number("15550001111")).carry_out("me")
            assert path.read_bytes() == content
        assert b"erased_at" in path.read_bytes()

    def test_it_is_not_erased_if_the_commit_cannot_be_seen(self, path, monkeypatch):
        monkeypatch.setattr("pickyassist_webhooks.privacy.erasure.drain", lambda: 0)
        content = path.read_bytes()
        transaction.set_autocommit(False)
        try:
            assert Erasure(Number("15550001111")).carry_out("me")["unreadable files"] == 1
            transaction.rollback()
        finally:
            transaction.set_autocommit(True)
        assert path.read_bytes() == content
