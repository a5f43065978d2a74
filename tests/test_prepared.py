"""Prepared statements on PostgreSQL: only if the project asks for them."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from pickyassist_webhooks.checks.statements import check_prepared_statements
from tests.requests import delivery, post, row

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def configure(monkeypatch):
    """Change the settings of the connection, and connect again."""

    def configure(max_age, **options):
        monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", max_age)
        before = connection.settings_dict["OPTIONS"]
        monkeypatch.setitem(connection.settings_dict, "OPTIONS", before | options)
        connection.close()

    yield configure
    connection.close()


@pytest.mark.parametrize(
    ("vendor", "max_age", "options", "ids"),
    [
        ("postgresql", 600, {}, ["pickyassist_webhooks.I001"]),
        ("postgresql", 0, {"pool": True}, ["pickyassist_webhooks.I001"]),
        ("postgresql", 0, {}, []),
        ("postgresql", 600, {"prepare_threshold": 5}, []),
        ("postgresql", 600, {"prepare_threshold": None}, []),
        ("sqlite", 600, {}, []),
    ],
)
def test_the_check_asks_for_a_decision(monkeypatch, vendor, max_age, options, ids):
    monkeypatch.setattr(connection, "vendor", vendor)
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", max_age)
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", options)
    assert [message.id for message in check_prepared_statements()] == ids


def prepared():
    """Return how many statements of this app the session has prepared."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%%pickyassist%%'"
        )
        return cursor.fetchone()[0]


def test_a_project_can_have_statements_prepared(configure):
    options = {"prepare_threshold": 1} if connection.vendor == "postgresql" else {}
    configure(600, **options)
    with CaptureQueriesContext(connection) as captured:
        for number in range(4):
            assert post(delivery(row(str(number), "4"))).json()["state"] == "done"
    # They go through Django's cursor, which logs them.
    assert any("INSERT INTO" in query["sql"] for query in captured)
    if connection.vendor == "postgresql":
        assert prepared() > 0
        configure(600, prepare_threshold=None)
        post(delivery(row("5", "4")))
        assert prepared() == 0
