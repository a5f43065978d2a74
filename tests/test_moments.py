"""Moments that people and programs write, in time zones with clock changes."""

from __future__ import annotations

from argparse import ArgumentTypeError
from datetime import datetime, timedelta, timezone

import pytest
from django.db import connection
from django.utils import timezone as current
from django.utils.dateparse import parse_datetime

from pickyassist_webhooks.api.commit_horizon import is_recent
from pickyassist_webhooks.insights import overview
from pickyassist_webhooks.management import arguments
from pickyassist_webhooks.models import DeliveryReport, WebhookRequest
from pickyassist_webhooks.models.moments import Moments, moment
from tests.requests import delivery, post, row

#: A time zone, a local time that a clock change skips or repeats, and its moment.
ODD = [
    ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00Z"),
    ("America/Sao_Paulo", "2018-11-04T00:00", "2018-11-04T03:00:00Z"),
    ("Asia/Beirut", "2022-03-27", "2022-03-26T22:00:00Z"),
    ("Africa/Cairo", "2024-04-26T00:00:00", "2024-04-25T22:00:00Z"),
    ("America/Havana", "2024-03-10", "2024-03-10T05:00:00Z"),
    ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z"),
    ("Europe/Berlin", "2026-03-29T02:30:00", "2026-03-29T01:30:00Z"),
    ("Europe/Berlin", "2026-10-25T02:30:00", "2026-10-25T00:30:00Z"),
    ("America/Havana", "2024-11-03T00:30", "2024-11-03T04:30:00Z"),
]
each_odd = pytest.mark.parametrize(("zone", "text", "at"), ODD)


@each_odd
def test_a_local_time_that_is_skipped_or_repeated_is_a_moment(zone, text, at):
    with current.override(zone):
        parsed = moment(text)
        assert parsed == parse_datetime(at)
        assert arguments.moment(text).astimezone(timezone.utc) == parsed
        if "T" not in text:
            midnight = overview.midnight(datetime.fromisoformat(text).date())
            assert midnight.astimezone(timezone.utc) == parsed


def test_a_moment_has_the_format_of_rows(settings):
    settings.TIME_ZONE = "Asia/Kolkata"
    assert moment(" 2026-01-31T05:30 ") == moment("2026-01-31T00:00Z")
    settings.USE_TZ = False
    assert moment("2026-01-31T00:00Z") == moment("2026-01-31T05:30") == datetime(2026, 1, 31, 5, 30)


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "2026-01-32T10:00", "\0"])
def test_another_text_is_refused(text):
    with pytest.raises(ValueError):  # noqa: PT011 -- a message of Django's parser, or ours
        moment(text)
    with pytest.raises(ArgumentTypeError, match="expected a date like 2026-01-31"):
        arguments.moment(text)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_years_that_overflow_are_bounded(text):
    assert moment(text).year in (1899, 1900, 9998)
    assert arguments.moment(text) == moment(text)


@pytest.mark.django_db
@pytest.mark.urls("tests.urls_api")
@each_odd
def test_a_filter_accepts_every_local_time(zone, text, at, root, settings):
    settings.TIME_ZONE = zone
    post(delivery(row("before"), row("after")))
    at = parse_datetime(at).astimezone(timezone.utc)
    for name, shift in {"before": timedelta(seconds=-1), "after": timedelta(0)}.items():
        DeliveryReport.objects.filter(msg_id=name).update(received_at=at + shift)
    for name in ("before", "after"):
        answer = root.get("/api/delivery-reports/", {f"received_at_{name}": text})
        assert answer.status_code == 200, answer.content
        assert [report["msg_id"] for report in answer.json()["results"]] == [name]


@pytest.fixture
def clocks_go_back(settings):
    settings.USE_TZ, settings.TIME_ZONE = False, "Europe/Berlin"
    current.get_default_timezone.cache_clear()
    yield datetime(2026, 10, 25, 2, 50, 0)
    current.get_default_timezone.cache_clear()


def test_a_claim_in_the_hour_that_repeats(clocks_go_back):
    first, second = clocks_go_back, clocks_go_back.replace(fold=1)
    ends = datetime(2026, 10, 25, 2, 0, 30, fold=1)
    request = WebhookRequest(claimed_by="a worker", due_at=ends)
    assert request.is_claimed(first + timedelta(minutes=9))
    assert not request.is_claimed(second)
    assert WebhookRequest(claimed_by="a worker", due_at=first).is_claimed(second) is False


def test_an_old_row_in_the_hour_that_repeats_is_not_young(clocks_go_back):
    first, second = clocks_go_back, clocks_go_back.replace(fold=1)
    seconds = timedelta(seconds=5)
    assert not is_recent(first + timedelta(minutes=5), second)
    assert is_recent(first - seconds, first)
    assert is_recent(first - seconds, second)
    assert is_recent(first + timedelta(hours=2), first)  # of a clock that runs ahead


@pytest.mark.parametrize("use_tz", [True, False])
@pytest.mark.django_db
def test_moments_that_are_read_by_the_thousand_are_the_same(use_tz, settings):
    settings.USE_TZ, settings.TIME_ZONE = use_tz, "Asia/Kolkata"
    for moment_of in (current.now(), None):
        post(delivery(row(str(moment_of))))
        WebhookRequest.objects.filter(pk=WebhookRequest.objects.last().pk).update(
            finished_at=moment_of
        )
    names = ("received_at", "finished_at")
    plain = WebhookRequest.objects.order_by("pk").values_list(*names)
    read = WebhookRequest.objects.order_by("pk").values_list(*map(Moments, names))
    assert list(read) == list(plain)
    assert {moment.tzinfo for row in read for moment in row if moment} == {
        timezone.utc if use_tz else None
    }


@pytest.mark.django_db
@pytest.mark.parametrize("use_tz", [True, False])
def test_postgresql_reads_moments_without_their_zone(use_tz, settings):
    settings.USE_TZ = use_tz
    query = WebhookRequest.objects.values_list(Moments("received_at")).query
    compiler = query.get_compiler(connection=connection)
    [expression] = query.annotations.values()
    sql, _params = expression.as_postgresql(compiler, connection)
    assert ("AT TIME ZONE 'UTC'" in sql) is use_tz
