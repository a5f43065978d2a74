from collections import defaultdict
from itertools import islice
from typing import Any

from django.db import migrations, transaction
from django.db.models import Q
from django.db.models.functions import Left

from pickyassist_webhooks.models import keys
from pickyassist_webhooks.parsing.errors import group_of

#: Messages that are written in one transaction: as many keys as any SQLite takes at once.
BATCH = 900

#: Characters of a text that a message keeps.
MAX_ERROR = 1000

#: Reports of a failure, from the lowest status to the highest, in ranges of an index: *unknown*,
#: codes that are not listed, *failed* and *refunded*. All others need not be read.
FAILURES = (Q(status=-1), Q(status=0), Q(status__lt=-1), Q(status__gt=5), Q(status=2), Q(status=5))


def fill(apps: Any, schema_editor: Any) -> None:
    """Write the errors of the failed messages that are there; the highest status comes last."""
    database = schema_editor.connection.alias
    messages = apps.get_model("pickyassist_webhooks", "Message").objects.using(database)
    reports = apps.get_model("pickyassist_webhooks", "DeliveryReport").objects.using(database)
    named = reports.exclude(msg_id="").exclude(error_code="", error_message="")
    text = Left("error_message", MAX_ERROR)
    for failures in FAILURES:
        in_order = named.filter(failures).order_by("status", "received_at")
        rows = in_order.values_list("status", "error_code", text, "project_id", "msg_id")
        rows = rows.iterator(BATCH)
        while batch := list(islice(rows, BATCH)):
            with transaction.atomic(using=database):
                _write(messages, batch)


def _write(messages: Any, batch: list[Any]) -> None:
    """Write the errors of a batch: one statement for all messages with the same one."""
    wanted: dict[Any, list[str]] = defaultdict(list)
    for *error, project_id, msg_id in batch:
        wanted[tuple(error)].append(keys.message(project_id, msg_id))
    for (status, code, text), own in wanted.items():
        messages.filter(key__in=own).update(
            error_status=status,
            error_code=code,
            error_message=text,
            error_group=group_of(code, text),
        )


class Migration(migrations.Migration):
    # Each batch is committed by itself, so no message is locked for long. If it is interrupted, it
    # begins again and writes the same.
    atomic = False
    dependencies = (("pickyassist_webhooks", "0015_message_errors"),)

    operations = (migrations.RunPython(fill, migrations.RunPython.noop, elidable=True),)
