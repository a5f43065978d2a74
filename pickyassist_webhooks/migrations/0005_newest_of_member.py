from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("pickyassist_webhooks", "0004_overview"),)

    operations = (
        migrations.RemoveIndex("groupmemberevent", "pickyassist_group_member"),
        migrations.AddIndex(
            "groupmemberevent",
            models.Index(fields=["group_id", "number", "id"], name="pickyassist_group_member"),
        ),
    )
