from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("pickyassist_webhooks", "0022_fill_countries"),)

    operations = (
        migrations.AddIndex(
            "receiverfailure",
            models.Index(fields=["failed_at"], name="pickyassist_failure_time"),
        ),
    )
