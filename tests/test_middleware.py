"""Middleware and URLs of a project that the view must not break on."""

from __future__ import annotations

import pytest
from django.db import transaction
from django.test import Client, override_settings

from pickyassist_webhooks.api.current import RepliesView
from pickyassist_webhooks.checks.middleware import check_middleware
from pickyassist_webhooks.inbox.sweep import drain
from pickyassist_webhooks.models import WebhookRequest
from tests.requests import SECRET, member, post

pytestmark = pytest.mark.django_db(transaction=True)

BEGINS = f"{__name__}.in_a_transaction"
REASON = "because a transaction is open around the view: exempt the webhook's path from it"


def in_a_transaction(get_response):
    """Put each request into a transaction, as django-reversion does."""

    def middleware(request):
        with transaction.atomic():
            return get_response(request)

    return middleware


class TestTransaction:
    @pytest.fixture(autouse=True)
    def installed(self, settings):
        settings.MIDDLEWARE = [*settings.MIDDLEWARE, BEGINS]

    def test_the_log_names_the_cause(self, caplog):
        assert post(member()).status_code == 503
        assert f"RuntimeError, {REASON}" in caplog.text

    def test_with_a_spool_nothing_is_lost(self, settings, tmp_path, caplog):
        ours = settings.PICKYASSIST_WEBHOOKS
        settings.PICKYASSIST_WEBHOOKS = ours | {"SPOOL_DIR": tmp_path / "spool"}
        assert post(member()).json()["state"] == "spooled"
        assert REASON in caplog.text
        assert drain() == 1
        assert WebhookRequest.objects.get().state == "received"


@pytest.mark.django_db  # in the transaction of a test
def test_other_errors_have_no_such_reason(caplog):
    with override_settings(DATABASE_ROUTERS=[f"{__name__}.Broken"]):
        assert post(member()).status_code == 503
    assert "RuntimeError" in caplog.text
    assert REASON not in caplog.text


class Broken:
    def db_for_write(self, model, **hints):
        raise RuntimeError("no database")


@pytest.mark.parametrize(
    ("middleware", "ids"),
    [
        ("reversion.middleware.RevisionMiddleware", ["pickyassist_webhooks.W010"]),
        ("mysite.middleware.Revisions", []),
    ],
)
def test_the_check_of_revisions(middleware, ids, settings):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, middleware]
    assert [message.id for message in check_middleware()] == ids


@pytest.mark.urls("tests.urls_with_parameters")
class TestParametersInThePath:
    def test_an_event_is_stored(self):
        url = f"/acme/hook/events/{SECRET}/"
        answer = Client().post(url, member(), content_type="application/json")
        assert (answer.status_code, answer.json()["accepted"]) == (200, 1)

    def test_the_schema(self, root):
        answer = root.get("/v1/api/schema/?format=json")
        assert answer.json()["servers"] == [{"url": "/v1/api"}]


def test_a_generator_of_documents_gets_no_rows():
    assert list(RepliesView(swagger_fake_view=True).get_queryset()) == []
