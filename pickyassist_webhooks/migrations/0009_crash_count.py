from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("pickyassist_webhooks", "0008_number_keys")]

    operations = [
        migrations.RenameField("webhookrequest", "workers_lost", "crash_count"),
    ]
