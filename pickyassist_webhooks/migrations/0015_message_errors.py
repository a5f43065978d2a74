from django.db import migrations, models
from django.db.models import Q

from pickyassist_webhooks.models.columns import ExactCharField, SparseIndex, UnicodeTextField


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
