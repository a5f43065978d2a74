"""Each database has its own way to write rows, and all ways write the same rows."""

from __future__ import annotations

import threading
from datetime import datetime, timezone

import pytest
from django.db import (
    DataError,
    IntegrityError,
    OperationalError,
    connection,
    connections,
    transaction,
)
from django.test.utils import CaptureQueriesContext

from pickyassist_webhooks import bulk
from pickyassist_webhooks.bulk import writer_of
from pickyassist_webhooks.bulk.plan import Change, Insert, Update, give_ids
from pickyassist_webhooks.bulk.writer import Writer
from pickyassist_webhooks.exceptions import LeaseLost
from pickyassist_webhooks.inbox.leases import advance
from pickyassist_webhooks.inbox.sweep import sweep
from pickyassist_webhooks.inbox.worker import work
from pickyassist_webhooks.models import (
    MODELS,
    DeliveryReport,
    Message,
    NewSubscriber,
    WebhookRequest,
)
from tests.requests import delivery, keep, member, post, row, subscriber
from tests.story import ODD, story

pytestmark = pytest.mark.django_db

# Columns with new values in each run.
CHANGING = {"id", "token", "body", "claimed_by"}
#: Ids of requests: only their order is equal in all runs.
OF_REQUESTS = {"request_id", "arrival", "last_arrival"}


@pytest.fixture
def orm(monkeypatch):
    """Use the ORM, as on a database without its own way."""

    def switch():
        monkeypatch.setattr(bulk, "WRITERS", {})

    return switch


def test_new_rows_get_the_ids_of_their_keys():
    first, second = DeliveryReport(key="a"), DeliveryReport(key="b")
    give_ids([first, second], [(8, "b"), (7, "a")])
    assert (first.pk, second.pk) == (7, 8)


@pytest.mark.django_db(transaction=True)
def test_a_new_thread_opens_one_connection():
    """Django would open another one to ask the server whether it is MariaDB."""
    own, new, opened = connections["default"], connection.copy(), []
    connect = new.get_new_connection
    new.get_new_connection = lambda parameters: opened.append(1) or connect(parameters)
    connections["default"] = new
    try:
        assert post(delivery(row("1", "4"))).status_code == 200
    finally:
        connections["default"] = own
        new.close()
    assert len(opened) == 1


def rows():
    """Delete and return all rows of all models, without the columns that differ in each run."""
    positions = {
        pk: n
        for n, pk in enumerate(WebhookRequest.objects.order_by("pk").values_list("pk", flat=True))
    }
    rows = {}
    for model in (*MODELS.values(), Message, WebhookRequest):
        fields = [f.attname for f in model._meta.concrete_fields if f.attname not in CHANGING]
        rows[model] = [
            {n: positions[value] if n in OF_REQUESTS else value for n, value in each.items()}
            for each in model._default_manager.order_by("pk").values(*fields)
        ]
    for model in (*MODELS.values(), Message, WebhookRequest):
        model._default_manager.all().delete()
    return rows


@pytest.mark.parametrize("use_tz", [True, False])
def test_all_ways_write_the_same_rows(orm, use_tz, settings, monkeypatch):
    settings.USE_TZ, settings.TIME_ZONE = use_tz, "Asia/Kolkata"
    moment = datetime(2026, 1, 31, 20, 59, 59, 123456, timezone.utc if use_tz else None)
    monkeypatch.setattr("django.utils.timezone.now", lambda: moment)
    story()
    own = rows()
    assert all(own.values())
    assert {each["received_at"] for each in own[DeliveryReport]} == {moment}
    orm()
    assert type(writer_of("default")) is Writer
    story()
    assert rows() == own


@pytest.mark.parametrize("number", [2**63 - 1, 0, -(2**63)])
def test_any_number_of_64_bits_is_a_status(number):
    """Also the one that stands for the id of a new request."""
    assert post(delivery(row("1", number))).json()["state"] == "done"
    assert DeliveryReport.objects.get().status == Message.objects.get().status == number
    assert post(member(number)).json()["state"] == "done"


@pytest.mark.parametrize("way", ["own", "orm"])
class TestWriter:
    @pytest.fixture(autouse=True)
    def choose(self, way, orm):
        if way == "orm":
            orm()

    def message(self, key, **values):
        moment = datetime(2026, 1, 31, 23, 59, 59, 123456, timezone.utc)
        return Message(
            key=key,
            msg_id=key,
            status=1,
            **{"first_reported_at": moment, "changed_at": moment} | values,
        )

    def test_times_are_kept_to_the_microsecond(self):
        writer = writer_of("default")
        written = [self.message("b"), self.message("a"), self.message("c", project_id=ODD)]
        writer.write([Insert(written)])
        with transaction.atomic():
            rows = writer.find(Message, ["c", "a", "b", "nowhere"], lock=True)
        assert list(rows) == ["a", "b", "c"]
        for message in written:
            row = rows[message.key]
            assert (row.pk, row._state.adding, row._state.db) == (message.pk, False, "default")
            assert vars(row) | {"_state": None} == vars(message) | {"_state": None}

    def test_empty_sets_send_no_statement(self):
        writer = writer_of("default")
        with CaptureQueriesContext(connection) as captured:
            writer.write([])
            assert writer.find(Message, [], lock=False) == {}
        assert len(captured) == 0

    def test_a_column_with_and_without_values(self):
        """Both rows are in one statement."""
        for number, date in enumerate(("", "2020-05-29T10:31:06+00:00", "never"), 1):
            keep(subscriber(subscriber_id=str(number), date=date))
        sweep()
        dates = NewSubscriber.objects.order_by("pk").values_list("date", flat=True)
        assert [date and date.year for date in dates] == [None, 2020, None]

    @pytest.mark.parametrize("together", [False, True])
    def test_an_existing_key_raises(self, together):
        writer = writer_of("default")
        writer.write([Insert([self.message("a")])])
        plan = [Insert([self.message("a"), self.message("b")])]
        if together:
            plan.append(Update(list(writer.find(Message, ["a"], lock=False).values())))
        with pytest.raises(IntegrityError), transaction.atomic():
            writer.write(plan)
        assert Message.objects.count() == 1

    def test_each_row_gets_its_own_object(self):
        pks = [keep(delivery(row(str(number)))).pk for number in range(3)]
        requests = WebhookRequest.objects.claim(pks)
        requests[0].receiver_seconds, requests[2].receiver_seconds = {"a": 1.5}, {"b'": 2}
        step = Change(requests, {"attempts": 3}, own=("receiver_seconds",))
        writer_of("default").write([step])
        stored = WebhookRequest.objects.order_by("pk").values_list("attempts", "receiver_seconds")
        assert list(stored) == [(3, {"a": 1.5}), (3, None), (3, {"b'": 2})]

    def test_a_lease_that_is_lost_raises(self):
        held, lost = keep(delivery(row("1"))), keep(delivery(row("2")))
        WebhookRequest.objects.filter(pk=lost.pk).update(claimed_by="another")
        advance([held], error="one")
        assert set(WebhookRequest.objects.values_list("error", flat=True)) == {"one", ""}
        with pytest.raises(LeaseLost, match=str(held.token)):
            advance([held, lost], error="two")
        plan = [Insert([self.message("a")]), Change([lost], {"error": "three"})]
        noticed = f"{lost.token}|another worker was faster"
        with pytest.raises((LeaseLost, DataError), match=noticed), transaction.atomic():
            writer_of("default").write(plan)
        assert not Message.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("mode", ["DEFERRED", None])
def test_a_transaction_begins_with_the_lock_of_sqlite(mode, monkeypatch):
    """SQLite refuses a write after a read if another process wrote in between."""
    if connection.vendor == "sqlite":
        monkeypatch.setitem(connection.settings_dict["OPTIONS"], "transaction_mode", mode)
    connection.close()
    with CaptureQueriesContext(connection) as captured:
        post(member())
    connection.close()
    begun = [query["sql"] for query in captured if query["sql"].startswith("BEGIN")]
    assert begun == (["BEGIN IMMEDIATE"] if connection.vendor == "sqlite" else ["BEGIN"])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("way", ["own", "orm"])
def test_two_workers_do_not_store_a_request(way, orm, clock):
    """Even if it takes long, on a slow disk or while an index is created."""
    if way == "orm":
        orm()
    request, claimed = keep(delivery()), []

    def claim():
        with connection.cursor() as cursor:
            if connection.vendor == "sqlite":
                cursor.execute("PRAGMA busy_timeout = 100")
        try:
            claimed.extend(WebhookRequest.objects.claim([request.pk]))
        except OperationalError:  # SQLite has one lock for all
            claimed.append("locked")
        connection.close()

    def slowly(execute, sql, *rest):
        if DeliveryReport._meta.db_table in sql and "INSERT" in sql and not claimed:
            clock.advance(minutes=10)
            other = threading.Thread(target=claim)
            other.start()
            other.join()
            claimed.append("asked")
        return execute(sql, *rest)

    with connection.execute_wrapper(slowly):
        states = sweep()
    if connection.vendor == "postgresql" and way == "own":
        # The other worker has it, and ours notices that as it writes.
        assert claimed == [request, "asked"]
        assert states == {"received": 1}
        assert not DeliveryReport.objects.exists()
    else:
        assert states == {"done": 1}
        assert claimed == (["locked", "asked"] if connection.vendor == "sqlite" else ["asked"])


@pytest.mark.parametrize("way", ["own", "orm"])
def test_a_lease_that_was_lost_before_storing(way, orm):
    if way == "orm":
        orm()
    request = keep(delivery())
    [claimed] = WebhookRequest.objects.claim([request.pk])
    WebhookRequest.objects.filter(pk=request.pk).update(claimed_by="another")
    work([claimed])
    assert not DeliveryReport.objects.exists()
    assert WebhookRequest.objects.get().claimed_by == "another"


def test_ids_of_a_database_that_returns_none(orm, listen, monkeypatch, clock):
    """MySQL inserts several rows with one statement and does not say which ids they got."""
    features = type(connection.features)
    monkeypatch.setattr(features, "can_return_rows_from_bulk_insert", False)
    orm()
    called = []

    def breaks(event, **named):
        called.append(event.pk)
        raise ValueError

    listen("delivery_received", breaks)
    post(delivery(row("1"), row("2")))
    pks = list(DeliveryReport.objects.order_by("pk").values_list("pk", flat=True))
    assert called == pks
    clock.advance(minutes=5)
    sweep()
    assert called == pks * 2  # called again, as each failure knows its event
