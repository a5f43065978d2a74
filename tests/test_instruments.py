"""Packages that watch the database may count the parameters of a statement or read them twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.db import connection

from pickyassist_webhooks.models import DeliveryReport, Message, WebhookRequest
from tests import databases
from tests.packaging.first_use import wait_for_address
from tests.requests import delivery, filtered, member, row, subscriber, url
from tests.story import story

ROOT = Path(__file__).resolve().parent.parent
#: In Latin-1, so it is not valid UTF-8.
ODD = b'{"event_id": 99, "name": "\xe9"}'


@pytest.mark.django_db
def test_parameters_can_be_counted_and_read_twice():
    statements = []

    def watch(execute, sql, params, many, context):
        statements.append((sql, params, many))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(watch):
        story()
    assert len(statements) > 50
    for sql, params, many in statements:
        for values in (params, *(params if many else ())):
            assert values is None or isinstance(values, list | tuple), sql


@pytest.fixture
def toolbar_site(tmp_path):
    """Serve the app with runserver and django-debug-toolbar, and return its address."""
    command = [sys.executable, "-m", "django", "runserver", "--noreload", "127.0.0.1:0"]
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "tests.toolbar_settings",
        databases.CHOICE: databases.chosen(),
        "SERVER_DATABASE": connection.settings_dict["NAME"],
        "PYTHONUNBUFFERED": "1",
        "PYTHONWARNINGS": "",  # the toolbar's own
    }
    log = tmp_path / "server.log"
    with log.open("w") as file:
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=file, stderr=file)
    try:
        yield wait_for_address(server, log)
    finally:
        server.terminate()
        server.wait(30)


def send(site, body):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    client = HTTPConnection(urlsplit(site).netloc, timeout=30)
    with closing(client):
        client.request("POST", url(), data, {"Content-Type": "application/json"})
        response = client.getresponse()
        # The toolbar really watched the statements of this request.
        assert "SQLPanel_sql_time" in response.headers["Server-Timing"]
        return json.loads(response.read())["state"]


@pytest.mark.django_db(transaction=True)
def test_all_reports_are_stored_under_the_debug_toolbar(toolbar_site):
    batch = [row(str(number)) for number in range(20)]
    read = [row(str(number), "3", error_message="🎉") for number in range(20)]
    for payload in (delivery(*batch), delivery(*read), delivery(*batch, *read)):
        assert send(toolbar_site, payload) == "done"
    for payload in (filtered(), member(), subscriber(), subscriber(name="Priyā")):
        assert [send(toolbar_site, payload) for _ in range(2)] == ["done", "done"]
    assert DeliveryReport.objects.count() == 40
    assert set(Message.objects.values_list("status", flat=True)) == {3}
    assert send(toolbar_site, ODD) == "quarantined"
    assert bytes(WebhookRequest.objects.latest("pk").body) == ODD
