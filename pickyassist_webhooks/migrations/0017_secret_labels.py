from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("pickyassist_webhooks", "0016_fill_errors"),)

    operations = (
        migrations.AddIndex(
            "webhookrequest",
            models.Index(fields=["secret_label", "received_at"], name="pickyassist_request_label"),
        ),
    )
