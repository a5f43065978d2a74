from django.db import migrations
from django.db.models import Q

from pickyassist_webhooks.models.columns import SparseIndex, UnicodeCharField


class Migration(migrations.Migration):
    dependencies = (("pickyassist_webhooks", "0020_fill_exceptions"),)

    operations = (
        migrations.AlterField(
            model_name="webhookrequest",
            name="origin",
            field=UnicodeCharField(
                choices=[
                    ("webhook", "webhook"),
                    ("pull", "answer of the delivery report API"),
                    ("test", "test event"),
                ],
                db_default="webhook",
                default="webhook",
                max_length=10,
                verbose_name="origin",
            ),
        ),
        migrations.AddIndex(
            "webhookrequest",
            SparseIndex(
                fields=["origin", "received_at", "id"],
                rows=Q(("origin", "test")),
                name="pickyassist_request_test",
            ),
        ),
    )
