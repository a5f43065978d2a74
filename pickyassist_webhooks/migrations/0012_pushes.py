from django.db import migrations, models

from pickyassist_webhooks.models.columns import (
    ExactCharField,
    InstantField,
    UnicodeCharField,
    UnicodeTextField,
)


class Migration(migrations.Migration):
    dependencies = [
        ("pickyassist_webhooks", "0011_calls"),
    ]

    operations = [
        migrations.CreateModel(
            name="CallRate",
            fields=[
                (
                    "name",
                    UnicodeCharField(
                        max_length=40, primary_key=True, serialize=False, verbose_name="name"
                    ),
                ),
                ("free_at", InstantField(verbose_name="free at")),
            ],
            options={
                "verbose_name": "call rate",
                "verbose_name_plural": "call rates",
                "default_permissions": (),
            },
        ),
        migrations.AddField(
            model_name="webhookrequest",
            name="origin",
            field=UnicodeCharField(
                choices=[("webhook", "webhook"), ("pull", "answer of the delivery report API")],
                db_default="webhook",
                default="webhook",
                max_length=10,
                verbose_name="origin",
            ),
        ),
        migrations.AddField(
            model_name="webhookrequest",
            name="project_id",
            field=ExactCharField(
                blank=True, db_default="", default="", max_length=255, verbose_name="project ID"
            ),
        ),
        migrations.AlterField(
            model_name="deliveryreport",
            name="previous_status",
            field=models.BigIntegerField(
                blank=True,
                choices=[
                    (-1, "accepted"),
                    (0, "unknown"),
                    (1, "delivered"),
                    (2, "failed"),
                    (3, "read"),
                    (4, "submitted"),
                    (5, "refunded"),
                ],
                null=True,
                verbose_name="previous status",
            ),
        ),
        migrations.AlterField(
            model_name="message",
            name="status",
            field=models.BigIntegerField(
                choices=[
                    (-1, "accepted"),
                    (0, "unknown"),
                    (1, "delivered"),
                    (2, "failed"),
                    (3, "read"),
                    (4, "submitted"),
                    (5, "refunded"),
                ],
                verbose_name="status",
            ),
        ),
        migrations.CreateModel(
            name="Push",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("attempts", models.PositiveIntegerField(default=0, verbose_name="attempts")),
                ("error", UnicodeTextField(blank=True, verbose_name="last error")),
                (
                    "claimed_by",
                    ExactCharField(
                        blank=True, editable=False, max_length=100, verbose_name="claimed by"
                    ),
                ),
                ("crash_count", models.PositiveIntegerField(default=0, verbose_name="crashes")),
                ("due_at", InstantField(verbose_name="due at")),
                ("key", ExactCharField(editable=False, max_length=255, verbose_name="key")),
                (
                    "project_id",
                    ExactCharField(blank=True, max_length=255, verbose_name="project ID"),
                ),
                ("push_id", ExactCharField(max_length=255, verbose_name="push ID")),
                ("recorded_at", models.DateTimeField(verbose_name="recorded at")),
                (
                    "state",
                    UnicodeCharField(
                        choices=[
                            ("open", "open"),
                            ("settled", "settled"),
                            ("given_up", "given up"),
                        ],
                        default="open",
                        max_length=20,
                        verbose_name="state",
                    ),
                ),
                ("asked_at", models.DateTimeField(blank=True, null=True, verbose_name="asked at")),
            ],
            options={
                "verbose_name": "push",
                "verbose_name_plural": "pushes",
                "indexes": [
                    models.Index(fields=["state", "due_at"], name="pickyassist_push_due"),
                    models.Index(fields=["push_id"], name="pickyassist_push_push_id"),
                    models.Index(fields=["recorded_at"], name="pickyassist_push_recorded"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("key",), name="pickyassist_push_key")
                ],
            },
        ),
    ]
