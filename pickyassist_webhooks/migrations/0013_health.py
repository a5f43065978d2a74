from django.db import migrations, models

from pickyassist_webhooks.models.columns import (
    ExactCharField,
    InstantField,
    UnicodeCharField,
    UnicodeTextField,
)


class Migration(migrations.Migration):
    dependencies = [("pickyassist_webhooks", "0012_pushes")]

    operations = [
        migrations.CreateModel(
            name="Alarm",
            fields=[
                (
                    "condition",
                    UnicodeCharField(
                        max_length=40, primary_key=True, serialize=False, verbose_name="condition"
                    ),
                ),
                ("level", UnicodeCharField(default="ok", max_length=20, verbose_name="level")),
                ("reason", UnicodeTextField(blank=True, verbose_name="reason")),
                ("changed_at", InstantField(verbose_name="changed at")),
                ("call_due_at", InstantField(blank=True, null=True, verbose_name="call due at")),
            ],
            options={
                "verbose_name": "alarm",
                "verbose_name_plural": "alarms",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="EventStream",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kind", UnicodeCharField(max_length=20, verbose_name="kind")),
                (
                    "project_id",
                    ExactCharField(blank=True, max_length=255, verbose_name="project ID"),
                ),
                ("last_id", models.PositiveBigIntegerField(default=0, verbose_name="last event")),
                ("count", models.PositiveBigIntegerField(default=0, verbose_name="count")),
                ("last_at", InstantField(verbose_name="last event at")),
                (
                    "earlier",
                    models.JSONField(blank=True, default=list, verbose_name="moments before"),
                ),
                ("gaps", models.JSONField(blank=True, default=list, verbose_name="longest gaps")),
            ],
            options={
                "verbose_name": "event stream",
                "verbose_name_plural": "event streams",
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("kind", "project_id"), name="pickyassist_stream"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="RefusalCount",
            fields=[
                (
                    "minute",
                    InstantField(primary_key=True, serialize=False, verbose_name="minute"),
                ),
                ("count", models.PositiveBigIntegerField(default=0, verbose_name="count")),
            ],
            options={
                "verbose_name": "refusal count",
                "verbose_name_plural": "refusal counts",
                "default_permissions": (),
            },
        ),
    ]
