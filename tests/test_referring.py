"""A project's foreign keys to rows of this app: those that keep a row must not stop the rest."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.apps import apps
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from django.db import connection, models
from django.utils import timezone

from pickyassist_webhooks.models import DeliveryReport, FilterReport, WebhookRequest
from pickyassist_webhooks.privacy import removal
from pickyassist_webhooks.testing import filter_report
from tests.requests import delivery, filtered, post, row, url

pytestmark = pytest.mark.django_db(transaction=True)

NUMBER = "15557654321"


@pytest.fixture(params=[models.PROTECT, models.RESTRICT, models.DO_NOTHING, models.SET_NULL])
def on_delete(request):
    return request.param


@pytest.fixture
def linked(on_delete):
    """A model of the project with a foreign key to delivery reports, and one row of it."""
    post(delivery(row("1", number=NUMBER), row("2", number=NUMBER)))

    class Linked(models.Model):  # noqa: DJ008
        report = models.ForeignKey(DeliveryReport, on_delete, null=True, related_name="+")

        class Meta:
            app_label = "tenants"

    with connection.schema_editor() as editor:
        editor.create_model(Linked)
    Linked.objects.create(report=DeliveryReport.objects.get(msg_id="1"))
    yield Linked
    with connection.schema_editor() as editor:
        editor.delete_model(Linked)
    del apps.all_models["tenants"]["linked"]
    apps.clear_cache()


@pytest.fixture
def is_kept(on_delete):
    return on_delete is not models.SET_NULL


def left():
    return list(DeliveryReport.objects.values_list("msg_id", flat=True))


def test_the_check_names_it(linked, is_kept):
    messages = run_checks(tags=["pickyassist_webhooks"], databases=[])
    ids = [message.id for message in messages if "tenants.Linked.report" in message.msg]
    assert ids == ["pickyassist_webhooks.W015"] * is_kept


def test_a_number_is_erased_but_for_that_row(linked, is_kept):
    post(filtered(row("3", number=NUMBER)))
    command = ("pickyassist_erase", NUMBER, "--no-input")
    if is_kept:
        with pytest.raises(
            CommandError, match=r"Kept 1 row of this number, .* \(tenants\.Linked\.report\)"
        ):
            call_command(*command, stdout=StringIO())
    else:
        call_command(*command, stdout=StringIO())
    assert left() == ["1"] * is_kept
    assert not FilterReport.objects.exists()
    linked.objects.all().delete()
    call_command(*command, stdout=StringIO())
    assert left() == []


def test_all_other_rows_are_pruned(linked, is_kept, settings):
    ours = settings.PICKYASSIST_WEBHOOKS
    settings.PICKYASSIST_WEBHOOKS = ours | {"RETENTION_DAYS": {"events": 1}}
    post(filtered(row("3")))
    for model in (DeliveryReport, FilterReport):
        model.objects.update(received_at=timezone.now() - timedelta(days=5))
    for _ in range(2):
        call_command("pickyassist_prune", "--no-input", stdout=StringIO())
        assert left() == ["1"] * is_kept
        assert not FilterReport.objects.exists()
    output = StringIO()
    call_command("pickyassist_health", stdout=output)
    assert "No row is older than RETENTION_DAYS allows." in output.getvalue()


def test_test_events_are_removed_but_for_that_row(linked, is_kept):
    WebhookRequest.objects.update(origin="test")
    post(filter_report(), to=f"{url()}?pickyassist_test=1")
    removal.remove(removal.oldest())
    assert left() == ["1"] * is_kept
    assert not WebhookRequest.objects.exists()
