from typing import Any

from django.db import migrations, models

from pickyassist_webhooks.models.columns import ExactCharField


def receive_again(apps: Any, schema_editor: Any) -> None:
    """Requests that failed before their rows were stored are still received, not failing."""
    requests = apps.get_model("pickyassist_webhooks", "WebhookRequest")._base_manager
    failed = requests.using(schema_editor.connection.alias).filter(processed_at=None)
    failed.filter(state="failing").update(state="received")


class Migration(migrations.Migration):
    dependencies = [("pickyassist_webhooks", "0010_heartbeat")]

    operations = [
        migrations.AddField(
            "receiverfailure",
            "claimed_by",
            ExactCharField("claimed by", max_length=100, blank=True, editable=False),
        ),
        migrations.AddField(
            "receiverfailure",
            "crash_count",
            models.PositiveIntegerField("crashes", default=0),
        ),
        migrations.AddIndex(
            "receiverfailure", models.Index(fields=["due_at"], name="pickyassist_failure_due")
        ),
        migrations.RunPython(receive_again, migrations.RunPython.noop, elidable=True),
    ]
