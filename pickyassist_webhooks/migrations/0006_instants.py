from django.db import migrations

from pickyassist_webhooks.models.columns import InstantField


class Migration(migrations.Migration):
    dependencies = [("pickyassist_webhooks", "0005_newest_of_member")]

    operations = [
        # The columns stay as they are. On SQLite an AlterField would copy the table.
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField(
                    "webhookrequest", "due_at", InstantField(verbose_name="due at")
                ),
                migrations.AlterField(
                    "receiverfailure",
                    "due_at",
                    InstantField(blank=True, null=True, verbose_name="due at"),
                ),
            ]
        ),
    ]
