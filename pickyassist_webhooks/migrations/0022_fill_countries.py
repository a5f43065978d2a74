from collections import defaultdict
from typing import Any

from django.db import migrations, transaction

from pickyassist_webhooks.parsing.countries import country_of

#: Messages that are written in one transaction: as many ids as any SQLite takes at once.
BATCH = 900


def fill(apps: Any, schema_editor: Any) -> None:
    """Write the countries of the messages that are there, in the order of the ids."""
    database = schema_editor.connection.alias
    messages = apps.get_model("pickyassist_webhooks", "Message").objects.using(database)
    last = 0
    while batch := list(
        messages.filter(pk__gt=last).order_by("pk").values_list("pk", "number")[:BATCH]
    ):
        of_country: dict[str, list[int]] = defaultdict(list)
        for pk, number in batch:
            of_country[country_of(number)].append(pk)
        of_country.pop("", None)
        with transaction.atomic(using=database):
            for country, pks in of_country.items():
                messages.filter(pk__in=pks).update(country=country)
        last = batch[-1][0]


class Migration(migrations.Migration):
    # Each batch is committed by itself, so no message is locked for long. If it is interrupted, it
    # begins again and writes the same.
    atomic = False
    dependencies = (("pickyassist_webhooks", "0021_tests"),)

    operations = (migrations.RunPython(fill, migrations.RunPython.noop, elidable=True),)
