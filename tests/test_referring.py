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

from pickyassist_webhooks.models import DeliveryReport, FilterReport, Message, WebhookRequest
from pickyassist_webhooks.models.referring import all_keeping, deletable, kept
from pickyassist_webhooks.privacy import removal
from pickyassist_webhooks.testing import filter_report
from tests.requests import delivery, filtered, post, row, url

pytestmark = pytest.mark.django_db(transaction=True)

NUMBER = "15557654321"


@pytest.fixture(params=[models.PROTECT, models.RESTRICT, models.DO_NOTHING, models.SET_NULL])
def on_delete(request):
    return request.param


class Elsewhere:
    """Has the tables of the project in another database."""

    def allow_migrate(self, database, label, **hints):
        return label != "tenants"


@pytest.fixture
def made():
    """Make a model of the project with this foreign key, and its table if it has one."""
    tables = []

    def made(field, table=False, managed=True):
        meta = type("Meta", (), {"app_label": "tenants", "managed": managed})
        values = {"report": field, "Meta": meta, "__module__": __name__}
        model = type("Linked", (models.Model,), values)
        if table:
            with connection.schema_editor() as editor:
                editor.create_model(model)
            tables.append(model)
        return model

    yield made
    for model in tables:
        with connection.schema_editor() as editor:
            editor.delete_model(model)
    del apps.all_models["tenants"]["linked"]
    apps.clear_cache()


@pytest.fixture
def linked(on_delete, made):
    """A model of the project with a foreign key to delivery reports, and one row of it."""
    post(delivery(row("1", number=NUMBER), row("2", number=NUMBER)))
    field = models.ForeignKey(DeliveryReport, on_delete, null=True, related_name="+")
    model = made(field, table=True)
    model.objects.create(report=DeliveryReport.objects.get(msg_id="1"))
    return model


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


def test_a_request_with_that_row_stays_a_test(linked, is_kept):
    """Without its request the row would look like a real event."""
    WebhookRequest.objects.update(origin="test")
    post(filter_report(), to=f"{url()}?pickyassist_test=1")
    removal.remove(removal.oldest())
    assert left() == ["1", "2"] * is_kept
    assert WebhookRequest.objects.count() == Message.objects.count() / 2 == is_kept
    assert not FilterReport.objects.exists()


@pytest.mark.parametrize("on_delete", [models.DO_NOTHING])
class TestThatKeepNothing:
    def test_without_a_constraint(self, on_delete, made):
        made(models.ForeignKey(DeliveryReport, on_delete, related_name="+", db_constraint=False))
        assert all_keeping() == []

    def test_of_a_view(self, on_delete, made):
        made(models.ForeignKey(DeliveryReport, on_delete, related_name="+"), managed=False)
        assert all_keeping() == []


def test_a_table_of_another_database_keeps_nothing_here(made, settings):
    settings.DATABASE_ROUTERS = ["tests.test_referring.Elsewhere"]
    made(models.ForeignKey(DeliveryReport, models.PROTECT, related_name="+", db_constraint=False))
    post(delivery())
    assert list(deletable(DeliveryReport.objects.all())) == [DeliveryReport.objects.get()]
    assert not kept(DeliveryReport.objects.all()).exists()


def test_a_foreign_key_to_another_column(made):
    model = made(
        models.ForeignKey(Message, models.PROTECT, to_field="key", related_name="+"), table=True
    )
    post(delivery(row("1"), row("2")))
    model.objects.create(report=Message.objects.get(msg_id="2"))
    assert [message.msg_id for message in deletable(Message.objects.all())] == ["1"]
    assert [message.msg_id for message in kept(Message.objects.all())] == ["2"]


def test_a_request_that_is_kept(made, settings):
    ours = settings.PICKYASSIST_WEBHOOKS
    settings.PICKYASSIST_WEBHOOKS = ours | {"RETENTION_DAYS": {"bodies": 1}}
    field = models.ForeignKey(WebhookRequest, models.PROTECT, related_name="+")
    model = made(field, table=True)
    post(delivery())
    WebhookRequest.objects.update(received_at=timezone.now() - timedelta(days=5), origin="test")
    model.objects.create(report=WebhookRequest.objects.get())
    call_command("pickyassist_prune", "--no-input", stdout=StringIO())
    assert WebhookRequest.objects.exists()
    output = StringIO()
    call_command("pickyassist_health", stdout=output)
    assert "No row is older than RETENTION_DAYS allows." in output.getvalue()
    assert removal.oldest() == []


def test_a_message_of_a_test_that_is_kept(made):
    model = made(models.ForeignKey(Message, models.PROTECT, related_name="+"), table=True)
    post(delivery(row("1"), row("2")), to=f"{url()}?pickyassist_test=1")
    model.objects.create(report=Message.objects.get(msg_id="1"))
    removal.remove(removal.oldest())
    assert [message.msg_id for message in Message.objects.all()] == ["1"]
    assert not WebhookRequest.objects.exists()
