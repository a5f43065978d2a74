"""The change feed skips no request that is committed late: with real concurrent writers."""

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
from pickyassist_webhooks.api import commit_horizon
from pickyassist_webhooks.api.pagination import encode_cursor
from pickyassist_webhooks.inbox import worker
from pickyassist_webhooks.models import WebhookRequest
from pickyassist_webhooks.models.requests import requests
from tests.requests import delivery, keep, member, post, row, subscriber

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("tests.urls_api"),
]

URL = "/api/requests/?after="


def insert(long_ago=False):
    """Insert a finished request."""
    at = timezone.now() - (2 * commit_horizon.PATIENCE if long_ago else timedelta(0))
    row = WebhookRequest(body=b"{}", received_at=at, due_at=at, state="done")
    row.save(force_insert=True)
    return row


@contextmanager
def late_writer(write_row=insert):
    """Write a request in another thread; yield a function that commits it and returns its id."""
    has_id, may_commit = threading.Event(), threading.Event()
    pks = []

    def write():
        try:
            with transaction.atomic():
                pks.append(write_row().pk)
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
        return pks[0]

    try:
        yield commit
    finally:
        commit()


def read(client, count=None, url=URL):
    """Read to the end, or until ``count`` requests arrived; return the ids and the next URL.

    A transaction of another test on the same server can delay this for a moment.
    """
    deadline = time.monotonic() + 20
    ids = []
    while True:
        page = client.get(url).json()
        ids += [request["id"] for request in page["results"]]
        url = page["next"]
        late = count is not None and len(ids) < count and time.monotonic() < deadline
        if not page["more"] and not late:
            return ids, url
        if not page["results"]:
            time.sleep(0.05)


def has_concurrent_writers():
    return connection.vendor != "sqlite"


def test_a_request_that_is_committed_late_is_not_skipped(root, monkeypatch):
    # Test the check of running transactions, without the wait for young ids.
    monkeypatch.setattr(commit_horizon, "PATIENCE", timedelta(0))
    first = insert().pk
    if has_concurrent_writers():
        with late_writer() as commit:
            second = insert().pk
            ids, next_url = read(root, 1)
            assert ids == [first]  # not the second: the late one is still missing
            late = commit()
        assert first < late < second
    else:
        # SQLite assigns an id only after the previous writer has committed.
        with late_writer() as commit:
            ids, next_url = read(root, 1)
            assert ids == [first]
            late = commit()
        second = insert().pk
    ids, next_url = read(root, 2, next_url)
    assert ids == [late, second]
    assert read(root, url=next_url)[0] == []


def test_a_rollback_delays_the_feed_only_for_a_while(root):
    first = insert(long_ago=True).pk
    with transaction.atomic():
        gone = insert().pk
        transaction.set_rollback(True)
    second = insert().pk
    ids, next_url = read(root, 1 if has_concurrent_writers() else 2)
    if has_concurrent_writers():
        assert second == gone + 1
        assert ids == [first]
        long_ago = timezone.now() - commit_horizon.PATIENCE - timedelta(seconds=1)
        WebhookRequest.objects.filter(pk=second).update(received_at=long_ago, due_at=long_ago)
        ids, next_url = read(root, 1, next_url)
        assert ids == [second]
    else:
        assert ids == [first, second]


def of_the_spool(claimed):
    """Insert a request that was received long ago, as the drain of the spool does."""
    at = timezone.now() - timedelta(hours=1)
    return worker.keep(requests().new(b"{}", claimed=claimed, received_at=at))


@pytest.mark.parametrize("state", ["waiting", "claimed", "processed"])
def test_a_request_of_the_spool_does_not_hide_an_id_below_it(state, root):
    """It was received long ago, but the id below may belong to a request that just arrives."""
    first = insert(long_ago=True).pk
    with transaction.atomic():
        insert()
        transaction.set_rollback(True)
    spooled = of_the_spool(claimed=state == "claimed").pk
    if state == "processed":
        ingest.process(spooled)
    later = insert(long_ago=True).pk
    ids, next_url = read(root, 1)
    if has_concurrent_writers():
        assert ids == [first]
        long_ago = timezone.now() - 2 * commit_horizon.PATIENCE
        of_a_retry = {"due_at": timezone.now() + timedelta(hours=1), "attempts": 2}
        old = {"processed_at": long_ago} if state == "processed" else of_a_retry
        WebhookRequest.objects.filter(pk=spooled).update(**old)
        ids += read(root, 1, next_url)[0]
    assert ids == [first, *([spooled] if state == "processed" else []), later]


def test_a_change_of_a_row_holds_nothing_back(root):
    first, second, third = insert(long_ago=True), insert(long_ago=True), insert(long_ago=True)

    def change():
        WebhookRequest.objects.filter(pk=second.pk).update(replays=1)
        return second

    with late_writer(change):
        began = time.monotonic()
        assert read(root, 3)[0] == [first.pk, second.pk, third.pk]
        assert time.monotonic() - began < 5


def test_the_requests_below_a_late_one_come_at_once(root):
    if not has_concurrent_writers():
        return  # the others wait until it is committed
    first, second = insert(long_ago=True).pk, insert(long_ago=True).pk
    with late_writer() as commit:
        third = insert(long_ago=True).pk
        began = time.monotonic()
        ids, next_url = read(root, 2)
        assert ids == [first, second]
        assert time.monotonic() - began < 5
        late = commit()
    assert read(root, 2, next_url)[0] == [late, third]


def test_read_while_many_write(root):
    """Four writers, some slow, some with rollbacks: each row is in the feed exactly once."""
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
    # Ids of a rollback are young for a while; rows after them wait for that long.
    long_ago = timezone.now() - 2 * commit_horizon.PATIENCE
    WebhookRequest.objects.update(received_at=long_ago, processed_at=long_ago)
    ids, url = read(root, 95 - len(seen), url)
    seen += ids
    assert len(seen) == len(set(seen))
    assert sorted(seen) == sorted(WebhookRequest.objects.values_list("pk", flat=True))
    assert len(seen) == 95


def test_unfinished_requests_do_not_block_later_ones(root, monkeypatch):
    monkeypatch.setattr(commit_horizon, "PATIENCE", timedelta(0))
    kept = requests()
    waiting = worker.keep(kept.new(b'{"event_id": 99}'))
    done = insert().pk
    ids, next_url = read(root, 1)
    assert ids == [done]
    ingest.process(waiting.pk)
    assert read(root, 1, next_url)[0] == [waiting.pk]


class Replica:
    """Read from a replica that has received nothing yet."""

    def db_for_read(self, model, **hints):
        return "own" if model._meta.app_label == "pickyassist_webhooks" else None

    def db_for_write(self, model, **hints):
        return "default"


def test_a_row_committed_after_the_others_were_read_is_not_skipped():
    first, second = insert(long_ago=True), insert(long_ago=True)
    safe = commit_horizon.below_horizon(first.pk - 1, [second])
    # SQLite commits rows in the order of their ids, so none can appear.
    assert safe == ({second.pk} if connection.vendor == "sqlite" else set())


@pytest.mark.django_db(transaction=True, databases=["default", "own"])
def test_the_primary_is_read(root, settings, impatient):
    settings.DATABASE_ROUTERS = ["tests.test_change_feed.Replica"]
    post(delivery())
    assert len(read(root, 1)[0]) == 1
    [request] = root.get(URL).json()["results"]
    assert len(request["events"]) == 1


@pytest.mark.django_db(transaction=True, databases=["default", "own"])
def test_a_request_that_the_replica_lacks_is_processed_again(root, settings):
    post(delivery())
    settings.DATABASE_ROUTERS = ["tests.test_change_feed.Replica"]
    pk = WebhookRequest.objects.using("default").get().pk
    answer = root.post(f"/api/requests/{pk}/replay/")
    assert (answer.status_code, answer.json()["replays"]) == (200, 1)


def test_the_url_is_that_of_the_list():
    assert reverse("pickyassist_webhooks_api:request-list") + "?after=" == URL


@pytest.fixture
def impatient(monkeypatch):
    # Rows of other tests are deleted, so ids below the first one are missing.
    monkeypatch.setattr(commit_horizon, "PATIENCE", timedelta(0))


@pytest.mark.usefixtures("impatient")
class TestPages:
    def all_ids(self, **filters):
        return sorted(WebhookRequest.objects.filter(**filters).values_list("pk", flat=True))

    def process_all(self):
        for pk in self.all_ids(state="received"):
            ingest.process(pk)

    def test_contain_all_requests_with_their_events(self, root):
        post(delivery(row("M1", 2), row("M1", 1), row("M2", 77, vendor="new")))
        post(member())
        post({"project_id": "1", "event_id": 99})
        ids, next_url = read(root, 3)
        page = root.get(URL).json()
        assert [request["id"] for request in page["results"]] == ids
        assert [request["kind"] for request in page["results"]] == [
            "delivery_report",
            "group_member",
            "",
        ]
        assert [len(request["events"]) for request in page["results"]] == [3, 1, 0]
        assert page["results"][0]["events"][2]["extra"] == {"vendor": "new"}
        post(member(2))
        assert len(read(root, 1, next_url)[0]) == 1

    def test_filtered_by_state(self, root):
        post(delivery())
        post({"event_id": 99})
        post(subscriber())
        assert read(root, 2, f"{URL}&state=done")[0] == self.all_ids(state="done")

    @pytest.mark.parametrize("size", [1, 2, 3, 7])
    def test_contain_each_request_once_for_any_page_size(self, size, root):
        for number in range(9):
            (keep if number % 3 == 1 else post)(delivery(row(str(number))))
        ids, next_url = read(root, 6, f"{URL}&page_size={size}")
        assert len(ids) == len(set(ids)) == 6
        self.process_all()
        post(delivery(row("last")))
        rest, _ = read(root, 4, next_url)
        assert sorted(ids + rest) == self.all_ids()

    def test_report_more_if_formerly_unfinished_requests_remain(self, root):
        pks = [keep(delivery(row(str(number)))).pk for number in range(5)]
        steps = [after - before for before, after in zip([0, *pks], pks, strict=False)]
        self.process_all()
        cursor = encode_cursor({"after": pks[-1], "waiting": steps})
        page = root.get(f"{URL}{cursor}&page_size=2").json()
        assert [request["id"] for request in page["results"]] == pks[:2]
        assert page["more"]
        assert read(root, 3, page["next"])[0] == pks[2:]

    def test_have_cursors_short_enough_for_servers(self, root):
        now = timezone.now() - 2 * commit_horizon.PATIENCE
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

    def test_contain_the_events_that_the_reader_may_view(self, login):
        post(delivery())
        post(subscriber())
        client = login("view_webhookrequest", "view_newsubscriber")
        assert len(read(client, 2)[0]) == 2
        reports, subscribers = (request["events"] for request in client.get(URL).json()["results"])
        assert reports is None
        assert len(subscribers) == 1

    def test_stop_at_the_limit_of_unfinished_requests(self, root, monkeypatch):
        monkeypatch.setattr("pickyassist_webhooks.api.change_feed.MAX_WAITING", 3)
        for number in range(5):
            keep(delivery(row(str(number))))
        post(delivery(row("behind")))
        ids, next_url = read(root)
        assert ids == []
        self.process_all()
        assert sorted(read(root, 6, next_url)[0]) == self.all_ids()

    def test_are_limited_by_their_events_too(self, root, monkeypatch):
        monkeypatch.setattr("pickyassist_webhooks.api.change_feed.MAX_EVENTS", 5)
        for batch in range(4):
            post(delivery(*(row(f"{batch}-{number}") for number in range(3))))
        ids, _ = read(root, 4)
        page = root.get(URL).json()
        assert [request["id"] for request in page["results"]] == ids[:1]
        assert page["more"]

    def test_mask_personal_data(self, login):
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
            encode_cursor({"after": 1, "waiting": [1] * 201}),
            "&state=failing",
            "&cursor=x",
        ],
    )
    def test_refuse_an_invalid_cursor(self, query, root):
        assert root.get(URL + query).status_code == 400


def test_the_events_of_a_request_have_one_order(root, monkeypatch):
    """An event can have its position in an earlier request, which was processed later."""
    monkeypatch.setattr(commit_horizon, "PATIENCE", timedelta(0))
    earlier = keep(delivery(row("Y", 4), row("X", 1)))
    post(delivery(row("X", 1), row("Z", 4)))
    ingest.process(earlier.pk)
    pages = root.get(f"{URL}&page_size=10").json()["results"]
    assert [[e["msg_id"] for e in each["events"]] for each in pages] == [["Y"], ["X", "Z"]]
