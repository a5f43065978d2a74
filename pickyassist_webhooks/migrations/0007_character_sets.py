from typing import Any

from django.db import migrations, router

from pickyassist_webhooks.models import columns


def convert(apps: Any, schema_editor: Any) -> None:
    """Make all text of MariaDB utf8mb4, with one copy of each table; others need nothing."""
    connection = schema_editor.connection
    if connection.vendor == "mysql":
        for model in apps.get_app_config("pickyassist_webhooks").get_models():
            if router.allow_migrate_model(connection.alias, model):
                table = schema_editor.quote_name(model._meta.db_table)
                schema_editor.execute(
                    f"ALTER TABLE {table} CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
                )


_FIELDS = (
    migrations.AlterField(
        model_name="deliveryreport",
        name="error_message",
        field=columns.UnicodeTextField(blank=True, verbose_name="error message"),
    ),
    migrations.AlterField(
        model_name="deliveryreport",
        name="media",
        field=columns.UnicodeTextField(blank=True, verbose_name="media"),
    ),
    migrations.AlterField(
        model_name="deliveryreport",
        name="message",
        field=columns.UnicodeTextField(blank=True, verbose_name="message"),
    ),
    migrations.AlterField(
        model_name="filterreport",
        name="error_message",
        field=columns.UnicodeTextField(blank=True, verbose_name="error message"),
    ),
    migrations.AlterField(
        model_name="groupmemberevent",
        name="group_subject",
        field=columns.UnicodeCharField(blank=True, max_length=255, verbose_name="group subject"),
    ),
    migrations.AlterField(
        model_name="newsubscriber",
        name="date_text",
        field=columns.UnicodeCharField(blank=True, max_length=255, verbose_name="date as sent"),
    ),
    migrations.AlterField(
        model_name="newsubscriber",
        name="email",
        field=columns.UnicodeCharField(blank=True, max_length=255, verbose_name="email"),
    ),
    migrations.AlterField(
        model_name="newsubscriber",
        name="message",
        field=columns.UnicodeTextField(blank=True, verbose_name="message"),
    ),
    migrations.AlterField(
        model_name="newsubscriber",
        name="name",
        field=columns.UnicodeCharField(blank=True, max_length=255, verbose_name="name"),
    ),
    migrations.AlterField(
        model_name="newsubscriber",
        name="profile_pic",
        field=columns.UnicodeTextField(blank=True, verbose_name="profile picture"),
    ),
    migrations.AlterField(
        model_name="receiverfailure",
        name="error",
        field=columns.UnicodeTextField(verbose_name="error"),
    ),
    migrations.AlterField(
        model_name="receiverfailure",
        name="receiver",
        field=columns.UnicodeCharField(max_length=255, verbose_name="receiver"),
    ),
    migrations.AlterField(
        model_name="receiverfailure",
        name="signal",
        field=columns.UnicodeCharField(max_length=40, verbose_name="signal"),
    ),
    migrations.AlterField(
        model_name="webhookrequest",
        name="content_encoding",
        field=columns.UnicodeCharField(blank=True, max_length=40, verbose_name="content encoding"),
    ),
    migrations.AlterField(
        model_name="webhookrequest",
        name="content_type",
        field=columns.UnicodeCharField(blank=True, max_length=255, verbose_name="content type"),
    ),
    migrations.AlterField(
        model_name="webhookrequest",
        name="error",
        field=columns.UnicodeTextField(blank=True, verbose_name="last error"),
    ),
    migrations.AlterField(
        model_name="webhookrequest",
        name="kind",
        field=columns.UnicodeCharField(
            blank=True,
            choices=[
                ("delivery_report", "delivery report"),
                ("filter_report", "filter report"),
                ("group_member", "group member"),
                ("new_subscriber", "new subscriber"),
            ],
            max_length=20,
            verbose_name="kind",
        ),
    ),
    migrations.AlterField(
        model_name="webhookrequest",
        name="query",
        field=columns.UnicodeCharField(blank=True, max_length=1000, verbose_name="query string"),
    ),
    migrations.AlterField(
        model_name="webhookrequest",
        name="remote_addr",
        field=columns.UnicodeCharField(blank=True, max_length=60, verbose_name="remote address"),
    ),
    migrations.AlterField(
        model_name="webhookrequest",
        name="state",
        field=columns.UnicodeCharField(
            choices=[
                ("received", "received"),
                ("stored", "stored, signals not yet sent"),
                ("done", "done"),
                ("quarantined", "quarantined"),
                ("failing", "failing, will be retried"),
                ("dead", "permanently failed"),
                ("discarded", "discarded"),
            ],
            default="received",
            max_length=20,
            verbose_name="state",
        ),
    ),
)


class Migration(migrations.Migration):
    dependencies = (("pickyassist_webhooks", "0006_instants"),)

    # Not one by one: SQLite would copy the whole table for each column, and MariaDB too.
    operations = (
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(convert, migrations.RunPython.noop)],
            state_operations=_FIELDS,
        ),
    )
