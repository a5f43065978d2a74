from collections.abc import Iterator
from itertools import islice
from typing import Any

from django.db import migrations, models
from django.db.models import Q
from django.db.models.functions import Left

from pickyassist_webhooks.models import Message, keys
from pickyassist_webhooks.models.columns import ExactCharField, SparseIndex, UnicodeTextField
from pickyassist_webhooks.models.messages import MAX_ERROR

#: Messages that are read and written at once.
BATCH = 1000

#: Reports of a failure, from the lowest status to the highest, in ranges of an index: *unknown*,
#: codes that are not listed, *failed* and *refunded*. All others need not be read.
FAILURES = (Q(status=-1), Q(status=0), Q(status__lt=-1), Q(status__gt=5), Q(status=2), Q(status=5))

ERROR = ("error_code", "error_message", "error_status", "error_group")


def fill(apps: Any, schema_editor: Any) -> None:
    """Write the errors of the failed messages that are there, as new reports would."""
    database = schema_editor.connection.alias
    messages = apps.get_model("pickyassist_webhooks", "Message").objects.using(database)
    reports = apps.get_model("pickyassist_webhooks", "DeliveryReport").objects.using(database)
    named = reports.exclude(msg_id="").exclude(error_code="", error_message="")
    for failures in FAILURES:
        text = Left("error_message", MAX_ERROR)
        in_order = named.filter(failures).order_by("status", "received_at")
        rows = in_order.values_list("project_id", "msg_id", "status", "error_code", text)
        rows = rows.iterator(BATCH)
        while batch := list(islice(rows, BATCH)):
            messages.bulk_update(list(_filled(messages, batch)), ERROR, batch_size=200)


def _filled(messages: Any, batch: list[Any]) -> Iterator[Any]:
    errors = {keys.message(*ids): error for *ids, error in ((*row[:2], row[2:]) for row in batch)}
    for key, message in messages.only("key", *ERROR).in_bulk(errors, field_name="key").items():
        Message.absorb_error(message, *errors[key])
        yield message


class Migration(migrations.Migration):
    dependencies = (("pickyassist_webhooks", "0014_chat_messages"),)

    operations = (
        migrations.AddField(
            "message",
            "error_code",
            ExactCharField(
                blank=True, db_default="", default="", max_length=255, verbose_name="error code"
            ),
        ),
        migrations.AddField(
            "message",
            "error_message",
            UnicodeTextField(blank=True, db_default="", default="", verbose_name="error message"),
        ),
        migrations.AddField(
            "message",
            "error_status",
            models.BigIntegerField(
                blank=True, editable=False, null=True, verbose_name="status of the error"
            ),
        ),
        migrations.AddField(
            "message",
            "error_group",
            ExactCharField(
                blank=True,
                editable=False,
                max_length=255,
                null=True,
                verbose_name="kind of error",
            ),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop, elidable=True),
        migrations.AddIndex(
            "message",
            SparseIndex(
                fields=["error_code", "first_reported_at", "id"],
                rows=Q(("error_group__isnull", False)),
                name="pickyassist_message_error_code",
            ),
        ),
        migrations.AddIndex(
            "message",
            SparseIndex(
                fields=["error_group", "first_reported_at", "id"],
                rows=Q(("error_group__isnull", False)),
                name="pickyassist_message_error",
            ),
        ),
    )
