from django.db import migrations, models

from pickyassist_webhooks.models.numbers import CountryField


class Migration(migrations.Migration):
    dependencies = (("pickyassist_webhooks", "0017_secret_labels"),)

    operations = (
        migrations.AddField("message", "country", CountryField(default="", db_default="")),
        migrations.RemoveIndex("message", "pickyassist_message_facts"),
        migrations.AddIndex(
            "message",
            models.Index(
                fields=[
                    "first_reported_at",
                    "id",
                    "status",
                    "delivered",
                    "failed_seen",
                    "refunded",
                    "country",
                    "channel",
                ],
                name="pickyassist_message_facts",
            ),
        ),
        migrations.AddIndex(
            "message",
            models.Index(
                fields=["country", "first_reported_at", "id", "status"],
                name="pickyassist_message_country",
            ),
        ),
        migrations.AddIndex(
            "message",
            models.Index(
                fields=["channel", "first_reported_at", "id", "status"],
                name="pickyassist_message_channel",
            ),
        ),
    )
