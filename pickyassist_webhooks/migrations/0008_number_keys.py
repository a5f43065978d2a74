from typing import Any

from django.db import migrations, models

from pickyassist_webhooks.models.numbers import NumberKeyField

#: Rows that are read and written at once.
BATCH = 1000

#: Each model with a number, and the index of it.
MODELS = {
    "deliveryreport": "pickyassist_delivery_number",
    "filterreport": "pickyassist_filter_number",
    "groupmemberevent": "pickyassist_group_number",
    "newsubscriber": "pickyassist_subscriber_number",
    "message": "pickyassist_message_number",
}


def fill(apps: Any, schema_editor: Any) -> None:
    """Write the keys of the numbers that are there, in the order of the ids."""
    for name in MODELS:
        model = apps.get_model("pickyassist_webhooks", name)
        rows = model.objects.using(schema_editor.connection.alias).exclude(number="")
        last = 0
        while batch := list(rows.filter(pk__gt=last).order_by("pk").only("number")[:BATCH]):
            rows.bulk_update(batch, ["number_key"], batch_size=200)
            last = batch[-1].pk


class Migration(migrations.Migration):
    dependencies = (("pickyassist_webhooks", "0007_character_sets"),)

    operations = (
        *(migrations.AddField(name, "number_key", NumberKeyField()) for name in MODELS),
        migrations.RunPython(fill, migrations.RunPython.noop, elidable=True),
        *(migrations.RemoveIndex(name, index) for name, index in MODELS.items()),
        *(
            migrations.AddIndex(name, models.Index(fields=["number_key"], name=index))
            for name, index in MODELS.items()
        ),
    )
