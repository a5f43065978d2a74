"""Whoever follows the requests misses none that is committed late: with real writers beside it."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connection, connections, transaction
from django.urls import reverse
from django.utils import timezone

from pickyassist_webhooks import ingest
from pickyassist_webhooks.api import settled
from pickyassist_webhooks.api.pagination import written
from pickyassist_webhooks.models import WebhookRequest
from tests.requests import delivery, keep, member, post, row, subscriber

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("tests.urls_api"),
]

URL = "/api/requests/?after="


def insert(long_ago=False):
    """Insert a request as it is once it is done."""
    at = timezone.now() - (2 * settled.PATIENCE if long_ago else timedelta(0))
    row = WebhookRequest(body=b"{}", received_at=at, due_at=at, state="done")
    row.save(force_insert=True)
    return row


@contextmanager
def late_writer():
    """Hold a transaction open in another thread, in which a request has its id, until told."""
    has_id, may_commit = threading.Event(), threading.Event()
    found = []

    def write():
        try:
            with transaction.atomic():
                found.append(insert().pk)
                has_id.set()
                may_commit.wait(20)
        finally:
            connections.close_all()

    thread = threading.Thread(target=write)
    thread.start()
    assert has_id.wait(20)

    def commit():
        may_commit.set()
        thread.join()
        return found[0]

    try:
        yield commit
    finally:
        commit()


def read(client, count=None, url=URL):
    """Follow to the end, or until so many have come; return ids, and where to go on.

    A transaction of any test that runs on the same server may hold us up for a moment.
    """
    deadline = time.monotonic() + 20
    ids = []
    while True:
        page = client.get(url).json()
        ids += [each["id"] for each in page["results"]]
        url = page["next"]
        late = count is not None and len(ids) < count and time.monotonic() < deadline
        if not page["more"] and not late:
            return ids, url
        if not page["results"]:
            time.sleep(0.05)


def several_writers_at_once():
    return connection.vendor != "sqlite"


def test_a_request_that_is_committed_late_is_not_passed_by(root, monkeypatch):
    # What runs is asked of the database; that an id is young must not be what saves us.
    monkeypatch.setattr(settled, "PATIENCE", timedelta(0))
    first = insert().pk
    if several_writers_at_once():
        with late_writer() as commit:
            second = insert().pk
            ids, onward = read(root, 1)
            assert ids == [first]  # and not the second one, whose neighbour may still come
            late = commit()
        assert first < late < second
    else:
        # Nobody gets an id before whoever got the one before has committed.
        with late_writer() as commit:
            ids, onward = read(root, 1)
            assert ids == [first]
            late = commit()
        second = insert().pk
    ids, onward = read(root, 2, onward)
    assert ids == [late, second]
    assert read(root, url=onward)[0] == []


def test_a_writer_that_gives_up_is_waited_for_and_then_not(root):
    first = insert(long_ago=True).pk
    with transaction.atomic():
        gone = insert().pk
        transaction.set_rollback(True)
    second = insert().pk
    ids, onward = read(root, 1 if several_writers_at_once() else 2)
    if several_writers_at_once():
        assert second == gone + 1
        assert ids == [first]
        WebhookRequest.objects.filter(pk=second).update(
            received_at=timezone.now() - settled.PATIENCE - timedelta(seconds=1)
        )
        ids, onward = read(root, 1, onward)
        assert ids == [second]
    else:
        assert ids == [first, second]


def test_followed_while_many_write(root):
    """Four writers, some slow, some giving up; what was followed is what there is, each once."""
    stop = threading.Event()
    faults = []

    def write(number):
        try:
            for turn in range(25):
                if number == 0 and turn % 5 == 4:
                    with transaction.atomic():
                        insert()
                        transaction.set_rollback(True)
                elif number == 1:
                    with transaction.atomic():
                        insert()
                        stop.wait(0.02)
                else:
                    post(delivery(row(f"{number}-{turn}")))
        except Exception as err:
            faults.append(err)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=write, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    seen, url = [], URL
    while any(thread.is_alive() for thread in threads):
        ids, url = read(root, url=url)
        seen += ids
    for thread in threads:
        thread.join()
    assert faults == []
    # Ids that were given back are young for a while, and nothing behind them is safe before.
    WebhookRequest.objects.update(received_at=timezone.now() - 2 * settled.PATIENCE)
    ids, url = read(root, 95 - len(seen), url)
    seen += ids
    assert len(seen) == len(set(seen))
    assert sorted(seen) == sorted(WebhookRequest.objects.values_list("pk", flat=True))
    assert len(seen) == 95


def test_unfinished_requests_hold_nobody_up(root, monkeypatch):
    monkeypatch.setattr(settled, "PATIENCE", timedelta(0))
    kept = ingest.requests()
    waiting = kept.keep(kept.new(b'{"event_id": 99}'))
    done = insert().pk
    ids, onward = read(root, 1)
    assert ids == [done]
    ingest.process(waiting.pk)
    assert read(root, 1, onward)[0] == [waiting.pk]


class Replica:
    """Reads from a database that lags behind: nothing has arrived there."""

    def db_for_read(self, model, **hints):
        return "own" if model._meta.app_label == "pickyassist_webhooks" else None

    def db_for_write(self, model, **hints):
        return "default"


@pytest.mark.django_db(transaction=True, databases=["default", "own"])
def test_is_read_where_it_is_written(root, settings, impatient):
    settings.DATABASE_ROUTERS = ["tests.test_following.Replica"]
    post(delivery())
    assert len(read(root, 1)[0]) == 1
    [request] = root.get(URL).json()["results"]
    assert len(request["events"]) == 1


def test_the_url_is_the_one_of_the_list():
    assert reverse("pickyassist_webhooks_api:request-list") + "?after=" == URL


@pytest.fixture
def impatient(monkeypatch):
    # Ids of rows of other tests are missing below the first one.
    monkeypatch.setattr(settled, "PATIENCE", timedelta(0))


@pytest.mark.usefixtures("impatient")
class TestPages:
    def all_ids(self, **which):
        return sorted(WebhookRequest.objects.filter(**which).values_list("pk", flat=True))

    def process_all(self):
        for pk in self.all_ids(state="received"):
            ingest.process(pk)

    def test_hold_all_that_came_with_its_events(self, root):
        post(delivery(row("M1", 2), row("M1", 1), row("M2", 77, vendor="new")))
        post(member())
        post({"project_id": "1", "event_id": 99})
        ids, onward = read(root, 3)
        page = root.get(URL).json()
        assert [each["id"] for each in page["results"]] == ids
        assert [each["kind"] for each in page["results"]] == ["delivery_report", "group_member", ""]
        assert [len(each["events"]) for each in page["results"]] == [3, 1, 0]
        assert page["results"][0]["events"][2]["extra"] == {"vendor": "new"}
        post(member(2))
        assert len(read(root, 1, onward)[0]) == 1

    def test_of_a_state(self, root):
        post(delivery())
        post({"event_id": 99})
        post(subscriber())
        assert read(root, 2, f"{URL}&state=done")[0] == self.all_ids(state="done")

    @pytest.mark.parametrize("size", [1, 2, 3, 7])
    def test_hold_each_once_whatever_their_size(self, size, root):
        for number in range(9):
            (keep if number % 3 == 1 else post)(delivery(row(str(number))))
        ids, onward = read(root, 6, f"{URL}&page_size={size}")
        assert len(ids) == len(set(ids)) == 6
        self.process_all()
        post(delivery(row("last")))
        rest, _ = read(root, 4, onward)
        assert sorted(ids + rest) == self.all_ids()

    def test_say_that_there_is_more_of_what_was_unfinished(self, root):
        pks = [keep(delivery(row(str(number)))).pk for number in range(5)]
        steps = [after - before for before, after in zip([0, *pks], pks, strict=False)]
        self.process_all()
        place = written({"after": pks[-1], "waiting": steps})
        page = root.get(f"{URL}{place}&page_size=2").json()
        assert [each["id"] for each in page["results"]] == pks[:2]
        assert page["more"]
        assert read(root, 3, page["next"])[0] == pks[2:]

    def test_have_cursors_that_servers_take(self, root):
        now = timezone.now() - 2 * settled.PATIENCE
        WebhookRequest.objects.bulk_create(
            WebhookRequest(pk=10**9 + 9973 * number, received_at=now, due_at=now)
            for number in range(300)
        )
        deadline, url, lengths = time.monotonic() + 20, URL, [0]
        while lengths[-1] < 1000 or lengths[-1] != lengths[-2]:
            _, url = read(root, url=url)
            lengths.append(len(url))
            assert time.monotonic() < deadline
        assert lengths[-1] < 2500

    def test_hold_the_events_that_the_reader_may_view(self, login):
        post(delivery())
        post(subscriber())
        client = login("view_webhookrequest", "view_newsubscriber")
        assert len(read(client, 2)[0]) == 2
        reports, subscribers = (each["events"] for each in client.get(URL).json()["results"])
        assert reports is None
        assert len(subscribers) == 1

    def test_go_no_further_than_they_can_remember(self, root, monkeypatch):
        monkeypatch.setattr("pickyassist_webhooks.api.following.MAX_WAITING", 3)
        for number in range(5):
            keep(delivery(row(str(number))))
        post(delivery(row("behind")))
        ids, onward = read(root)
        assert ids == []
        self.process_all()
        assert sorted(read(root, 6, onward)[0]) == self.all_ids()

    def test_are_bounded_by_their_events_too(self, root, monkeypatch):
        monkeypatch.setattr("pickyassist_webhooks.api.following.MAX_EVENTS", 5)
        for batch in range(4):
            post(delivery(*(row(f"{batch}-{number}") for number in range(3))))
        ids, _ = read(root, 4)
        page = root.get(URL).json()
        assert [each["id"] for each in page["results"]] == ids[:1]
        assert page["more"]

    def test_mask_what_the_reader_may_not_see(self, login):
        post(delivery())
        client = login("view_webhookrequest")
        assert len(read(client, 1)[0]) == 1
        assert "15550001111" not in client.get(URL).content.decode()

    @pytest.mark.parametrize(
        "query",
        [
            "x",
            "e30",
            "eyJhZnRlciI6MSwid2FpdGluZyI6WyJ4Il19",
            written({"after": 1, "waiting": [1] * 201}),
            "&state=failing",
            "&cursor=x",
        ],
    )
    def test_refuse_what_is_no_cursor(self, query, root):
        assert root.get(URL + query).status_code == 400
