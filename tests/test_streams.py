"""The streams of events: read in chunks, stored by one process, and never behind."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from pickyassist_webhooks import health, ingest
from pickyassist_webhooks.choices import EventKind, Level
from pickyassist_webhooks.insights import streams
from pickyassist_webhooks.models import DeliveryReport, EventStream
from pickyassist_webhooks.models.heartbeats import PROCESS, beat
from pickyassist_webhooks.models.streams import WINDOW
from tests.requests import delivery, filtered, keep, post, row

pytestmark = pytest.mark.django_db

KIND = EventKind.DELIVERY_REPORT


def come(hours, msg_id, project="4100"):
    """Receive an event as of some hours ago."""
    at = timezone.now() - timedelta(hours=hours)
    payload = delivery(row(str(msg_id)), project_id=project)
    assert ingest.process(keep(payload, received_at=at).pk).event_count == 1


def gap():
    """Return the longest gap in hours, from a report that stores nothing."""
    now = timezone.now()
    longest = streams.current(now)[KIND].by_project["4100"].longest_gap(now)
    return None if longest is None else round(longest.total_seconds() / 3600, 2)


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        ((5,), None),
        ((5, 4), None),
        ((5, 4, 3), 1),
        ((90, 50, 48, 47, 40, 1), 40),
        ((9, 8.5, 8.2, 8.1), 0),  # none of an hour
        ((3, 2, 2, 1, 4), 1),  # in any order
        ((900, 100, 99, 50), 800),  # a gap that ended in these 28 days
        ((900, 660, 50), 610),
        ((900, 690, 50), None),
        ((900, 690), None),
        ((900, 800, 50), None),  # of two gaps, only the last is recent
    ],
)
def test_the_longest_gap(hours, expected):
    if max(hours) * 3600 > WINDOW.total_seconds():  # as if it was stored when it came
        model = EventStream(kind=KIND, project_id="4100")
        for ago in hours:
            model.add(timezone.now() - timedelta(hours=ago))
        longest = model.longest_gap(timezone.now())
        assert (longest and round(longest.total_seconds() / 3600)) == expected
        return
    for number, ago in enumerate(hours):
        come(ago, number)
    assert gap() == expected
    streams.store()
    assert gap() == expected


def test_only_gaps_that_can_be_the_longest_are_kept():
    stream, at = EventStream(), timezone.now()
    for hours in (5, 1, 2, 3, 2, 1, 1):
        at += timedelta(hours=hours)
        stream.add(at)
    assert [round(length / 3600) for _, length in stream.gaps] == [3, 2, 1]
    stream.add(at + timedelta(days=40))
    assert [round(length / 3600) for _, length in stream.gaps] == [960]


def test_reading_is_bounded_and_goes_on(monkeypatch):
    monkeypatch.setattr(streams, "READ", 3)
    monkeypatch.setattr(streams, "CHUNK", 3)
    monkeypatch.setattr(streams, "_SECONDS", -1.0)  # a chunk in each look
    for number in range(8):
        come(20 - number, number)
    now = timezone.now()
    read = streams.current(now)[KIND]
    assert read.by_project["4100"].count == 3
    assert now - read.read_until > timedelta(hours=17)
    for count in (3, 6, 8, 8):
        streams.store()
        assert EventStream.objects.get().count == count
    last = EventStream.objects.get()
    assert streams.current(now)[KIND] == streams.Streams({"4100": last}, now, last.last_at)


def test_all_chunks_in_one_look_if_there_is_time(monkeypatch):
    monkeypatch.setattr(streams, "CHUNK", 3)
    for number in range(8):
        come(20 - number, number)
    streams.store()
    assert EventStream.objects.get().count == 8


def test_a_past_that_is_still_read_is_no_silence(monkeypatch):
    for number in range(6):
        come(20 - number, number)
    assert silence() == Level.DEGRADED
    monkeypatch.setattr(streams, "READ", 3)
    beat(PROCESS)
    assert silence() == Level.OK


@pytest.mark.parametrize("ago", [None, 2])
def test_without_a_process_that_reads_the_newest_event_tells(ago, monkeypatch, clock):
    for number in range(6):
        come(20 - number, number)
    monkeypatch.setattr(streams, "READ", 3)
    if ago is not None:
        beat(PROCESS)
        clock.advance(hours=ago)
    assert silence() == Level.DEGRADED
    come(0.5, "new")
    assert silence() == Level.OK
    assert streams.current(timezone.now())[KIND].by_project["4100"].count == 3


def test_an_event_of_a_clock_that_runs_ahead_hides_no_others(clock):
    for number, hours in enumerate((5, 4, -72, 3, 2.5)):
        come(hours, number)
    assert silence() == Level.OK
    streams.store()
    stream = EventStream.objects.get()
    assert stream.count == 5
    assert stream.last_at <= timezone.now()
    clock.advance(hours=3)
    assert streams.current(timezone.now())[KIND].last_at == stream.last_at
    assert silence() == Level.DEGRADED


def silence():
    return {each.condition: each.level for each in health.report().conditions}["silence"]


def test_the_newest_events_are_read_again(clock):
    """One with a lower id may be committed later."""
    post(delivery(row("1")))
    streams.store()
    assert not EventStream.objects.exists()
    assert streams.current(timezone.now())[KIND].by_project["4100"].count == 1
    clock.advance(seconds=3)
    streams.store()
    assert EventStream.objects.get().count == 1


def test_an_event_that_comes_late_is_counted():
    for number, hours in enumerate((5, 4, 1)):
        come(hours, number)
    streams.store()
    come(2, "late")
    streams.store()
    stream = EventStream.objects.get()
    assert stream.count == 4
    assert stream.last_id == DeliveryReport.objects.latest("pk").pk
    assert round((timezone.now() - stream.last_at).total_seconds() / 3600) == 1
    assert str(stream) == "delivery_report 4100"


def test_each_kind_and_project(clock):
    post(delivery(row("1")))
    post(delivery(row("1"), project_id="2"))
    post(filtered())
    clock.advance(minutes=1)
    streams.store()
    assert sorted(EventStream.objects.values_list("kind", "project_id")) == [
        ("delivery_report", "2"),
        ("delivery_report", "4100"),
        ("filter_report", "4100"),
    ]


def test_another_process_stores_the_same_events(clock):
    post(delivery(row("1")))
    clock.advance(minutes=1)

    def store_in_between(execute, sql, *arguments):
        if sql.startswith("INSERT") and not interleaved:
            interleaved.append(True)
            stream = EventStream(kind=KIND, project_id="4100", last_id=1)
            stream.add(timezone.now())
            stream.save()
        return execute(sql, *arguments)

    interleaved = []
    with connection.execute_wrapper(store_in_between):
        streams.store()
    assert EventStream.objects.get().count == 1


def test_what_a_report_costs():
    """A fixed number of statements, of which none reads more than a chunk of events."""
    with CaptureQueriesContext(connection) as empty:
        health.report()
    for number in range(30):
        come(30 - number, number, project=str(number))
    streams.store()
    with CaptureQueriesContext(connection) as captured:
        health.report()
    assert len(captured) <= len(empty) + 1
    assert len(captured) <= 10


def test_local_times(settings):
    settings.USE_TZ = False
    for number, hours in enumerate((5, 4, 2)):
        come(hours, number)
    assert gap() == 2
    streams.store()
    assert gap() == 2
