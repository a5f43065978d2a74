from django.db import migrations, models

from pickyassist_webhooks.models.columns import ExactCharField, InstantField


class Migration(migrations.Migration):
    dependencies = (("pickyassist_webhooks", "0018_countries"),)

    operations = (
        migrations.AddField(
            "webhookrequest",
            "finished_at",
            InstantField(blank=True, editable=False, null=True, verbose_name="finished at"),
        ),
        migrations.AddField(
            "webhookrequest",
            "receiver_seconds",
            models.JSONField(blank=True, editable=False, null=True, verbose_name="receivers"),
        ),
        migrations.AddField(
            "receiverfailure",
            "exception",
            ExactCharField(
                blank=True, db_default="", default="", max_length=255, verbose_name="exception"
            ),
        ),
        migrations.AddIndex(
            "receiverfailure",
            models.Index(fields=["receiver", "exception", "id"], name="pickyassist_failure_class"),
        ),
    )
