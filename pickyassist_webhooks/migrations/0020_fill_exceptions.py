import re
from collections import defaultdict
from itertools import islice
from typing import Any

from django.db import migrations, transaction

#: Failures that are written in one transaction: as many ids as any SQLite takes at once.
BATCH = 900

#: A class at the beginning of a line.
_CLASS = re.compile(r"[A-Za-z_][\w.]{0,254}(?=:|$)")


def class_in(error: str) -> str:
    """Return the class of the exception in a traceback, or a blank text."""
    _earlier, frame, end = error.rpartition('\n  File "')
    lines = end.splitlines()[1:] if frame else end.splitlines()
    return next((match[0] for match in map(_CLASS.match, lines) if match), "")


def fill(apps: Any, schema_editor: Any) -> None:
    """Write the classes of the exceptions that are there."""
    database = schema_editor.connection.alias
    failures = apps.get_model("pickyassist_webhooks", "ReceiverFailure").objects.using(database)
    rows = failures.filter(exception="").order_by("pk").values_list("pk", "error").iterator(BATCH)
    while batch := list(islice(rows, BATCH)):
        by_class: dict[str, list[int]] = defaultdict(list)
        for pk, error in batch:
            by_class[class_in(error)].append(pk)
        with transaction.atomic(using=database):
            for name, pks in by_class.items():
                # A worker of the new version can have written it meanwhile.
                failures.filter(pk__in=pks, exception="").update(exception=name)


class Migration(migrations.Migration):
    # Each batch is committed by itself, so no failure is locked for long. If it is interrupted, it
    # begins again and writes the same.
    atomic = False
    dependencies = (("pickyassist_webhooks", "0019_durations"),)

    operations = (migrations.RunPython(fill, migrations.RunPython.noop, elidable=True),)
