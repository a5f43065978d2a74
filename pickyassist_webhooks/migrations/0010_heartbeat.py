from django.db import migrations

from pickyassist_webhooks.models.columns import InstantField, UnicodeCharField


class Migration(migrations.Migration):
    dependencies = [("pickyassist_webhooks", "0009_crash_count")]

    operations = [
        migrations.CreateModel(
            name="Heartbeat",
            fields=[
                (
                    "name",
                    UnicodeCharField(
                        max_length=40, primary_key=True, serialize=False, verbose_name="name"
                    ),
                ),
                ("last_at", InstantField(verbose_name="last seen at")),
            ],
            options={
                "verbose_name": "heartbeat",
                "verbose_name_plural": "heartbeats",
                "default_permissions": (),
            },
        ),
    ]
