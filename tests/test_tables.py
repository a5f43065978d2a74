"""Each database has its own way of writing rows, and all of them lead to the same rows."""

from __future__ import annotations

import threading
from datetime import datetime, timezone

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext

from pickyassist_webhooks.exceptions import LeaseLost
from pickyassist_webhooks.leases import hold, write
from pickyassist_webhooks.models import MODELS, DeliveryReport, Message, WebhookRequest
from pickyassist_webhooks.sweep import sweep
from pickyassist_webhooks.tables import choice
from pickyassist_webhooks.tables.choice import table_of, writes_of
from pickyassist_webhooks.worker import work
from tests.requests import delivery, filtered, keep, member, post, row, subscriber

pytestmark = pytest.mark.django_db

# What each run of the same story has anew.
ANEW = {"id", "token", "body", "claimed_by"}
#: Ids of requests, of which only the order is the same.
OF_REQUESTS = {"request_id", "arrival", "last_arrival"}
ODD = 'ü 🎉 "quoted" \\ %s {} \n'


@pytest.fixture
def orm(monkeypatch):
    """Go through the ORM, as on a database that has no way of its own."""

    def switch():
        monkeypatch.setattr(choice, "_TABLES", {})
        monkeypatch.setattr(choice, "_WRITES", {})

    return switch


def story():
    """Post something of each kind, in every way in which it meets what is there already."""
    post(delivery(row("1"), row("2", "2"), row("3", "4"), row("")))
    post(delivery(row("1", "3"), row("2", "5", reference_number=ODD), row("1", "1"), row("4")))
    post(delivery(row("1", "1", error_message=ODD, custom={"a": [1, 2.5, ODD]})))
    post(filtered(row("1"), row("2", "0")))
    post(filtered(row("1", custom=ODD)))
    post(member())
    post(member(2, number="7"))
    post(member(group_subject=ODD))
    post(member(2))
    post(subscriber())
    post(subscriber(name=ODD))
    post(subscriber(subscriber_id="", mobile="7", date="nonsense"))
    for number in range(4):
        keep(delivery(row("5", number)))
        keep(subscriber(subscriber_id=f"S{number}", date="" if number else "nonsense"))
    keep({"event_id": 99})
    sweep()


def rows():
    """Return all rows of all models, without what each run has anew, and take them away."""
    place = {
        pk: n
        for n, pk in enumerate(WebhookRequest.objects.order_by("pk").values_list("pk", flat=True))
    }
    found = {}
    for model in (*MODELS.values(), Message, WebhookRequest):
        fields = [f.attname for f in model._meta.concrete_fields if f.attname not in ANEW]
        found[model] = [
            {n: place[value] if n in OF_REQUESTS else value for n, value in each.items()}
            for each in model._default_manager.order_by("pk").values(*fields)
        ]
    for model in (*MODELS.values(), Message, WebhookRequest):
        model._default_manager.all().delete()
    return found


@pytest.mark.parametrize("use_tz", [True, False])
def test_all_ways_lead_to_the_same_rows(orm, use_tz, settings, monkeypatch):
    settings.USE_TZ, settings.TIME_ZONE = use_tz, "Asia/Kolkata"
    moment = datetime(2026, 1, 31, 20, 59, 59, 123456, timezone.utc if use_tz else None)
    monkeypatch.setattr("django.utils.timezone.now", lambda: moment)
    story()
    own = rows()
    assert all(own.values())
    assert {each["received_at"] for each in own[DeliveryReport]} == {moment}
    orm()
    assert type(writes_of("default")) is choice.Writes
    story()
    assert rows() == own


@pytest.mark.parametrize("way", ["own", "orm"])
class TestWrites:
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

    def test_moments_are_kept_to_the_microsecond(self):
        table, writes = table_of(Message, "default"), writes_of("default")
        written = [self.message("b"), self.message("a"), self.message("c", project_id=ODD)]
        writes.insert(table, written)
        writes.execute()
        found = table.find(["c", "a", "b", "nowhere"])
        assert list(found) == ["a", "b", "c"]
        for one in written:
            same = found[one.key]
            assert (same.pk, same._state.adding, same._state.db) == (one.pk, False, "default")
            assert vars(same) | {"_state": None} == vars(one) | {"_state": None}

    def test_nothing_is_looked_up_or_written_for_nothing(self):
        table, writes = table_of(Message, "default"), writes_of("default")
        with CaptureQueriesContext(connection) as captured:
            writes.insert(table, [])
            writes.update(table, [])
            writes.execute()
            assert table.find([]) == {}
        assert len(captured) == 0

    @pytest.mark.parametrize("together", [False, True])
    def test_a_key_that_is_there_raises(self, together):
        table, writes = table_of(Message, "default"), writes_of("default")
        writes.insert(table, [self.message("a")])
        writes.execute()
        again = writes_of("default")
        again.insert(table, [self.message("a"), self.message("b")])
        if together:
            again.insert(table_of(DeliveryReport, "default"), [])
            again.update(table, list(table.find(["a"]).values()))
        with pytest.raises(IntegrityError), transaction.atomic():
            again.execute()
        assert Message.objects.count() == 1

    def test_a_lease_that_is_lost_raises(self):
        held, lost = keep(delivery(row("1"))), keep(delivery(row("2")))
        WebhookRequest.objects.filter(pk=lost.pk).update(claimed_by="another")
        write([held], error="one")
        assert set(WebhookRequest.objects.values_list("error", flat=True)) == {"one", ""}
        with pytest.raises(LeaseLost, match=str(held.token)):
            write([held, lost], error="two")
        writes = writes_of("default")
        writes.insert(table_of(Message, "default"), [self.message("a")])
        hold(writes, [lost], error="three")
        with pytest.raises(LeaseLost, match=str(lost.token)), transaction.atomic():
            writes.execute()
        assert not Message.objects.exists()


@pytest.mark.parametrize("mode", ["DEFERRED", "IMMEDIATE"])
def test_the_first_statement_locks(mode, monkeypatch):
    """SQLite refuses a write after a read where another process wrote in between."""
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "transaction_mode", mode)
    with CaptureQueriesContext(connection) as captured:
        post(delivery())
    first = next(
        sql
        for sql in (query["sql"] for query in captured)
        if not sql.startswith(("SAVEPOINT", "RELEASE", "INSERT", "BEGIN"))
    )
    if connection.vendor != "sqlite":
        assert first.endswith("FOR UPDATE")
        assert WebhookRequest._meta.db_table in first
    else:
        assert first.startswith("UPDATE" if mode == "DEFERRED" else "SELECT")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("way", ["own", "orm"])
def test_nobody_claims_what_is_being_stored(way, orm, clock):
    """However long it takes: a slow disk, or somebody who makes an index."""
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
        assert sweep() == {"done": 1}
    assert claimed == ["locked", "asked"] if connection.vendor == "sqlite" else ["asked"]


@pytest.mark.parametrize("way", ["own", "orm"])
def test_a_lease_that_was_lost_before_storing(way, orm):
    if way == "orm":
        orm()
    request = keep(delivery())
    [mine] = WebhookRequest.objects.claim([request.pk])
    WebhookRequest.objects.filter(pk=request.pk).update(claimed_by="another")
    work(mine)
    assert not DeliveryReport.objects.exists()
    assert WebhookRequest.objects.get().claimed_by == "another"
