"""Post events to the installed app on the SQLite backend of django-prometheus, and count the rows.

``python -I tests/packaging/watched_use.py`` with a Python that has both, and nothing else.
"""

import json
import tempfile
from pathlib import Path

import django
from django.conf import settings
from django.core.management import call_command

SECRET = "only-for-the-tests-0123456789"


def main(folder):
    settings.configure(
        ALLOWED_HOSTS=["testserver"],
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django_prometheus",
            "pickyassist_webhooks",
        ],
        DATABASES={
            "default": {
                "ENGINE": "django_prometheus.db.backends.sqlite3",
                "NAME": str(folder / "database.sqlite3"),
            }
        },
        ROOT_URLCONF="pickyassist_webhooks.urls",
        PICKYASSIST_WEBHOOKS={"SECRETS": [SECRET]},
    )
    django.setup()
    call_command("migrate", verbosity=0)
    post_every_status()
    count()


def post_every_status():
    from django.test import Client

    for status in (4, 1, 3):
        rows = [{"msg_id": f"M{n}", "number": "15550001111", "status": status} for n in range(20)]
        body = json.dumps({"project_id": "4100", "event_id": 1, "data": rows})
        answer = Client().post(f"/events/{SECRET}/", body, content_type="application/json").json()
        assert (answer["state"], answer["accepted"]) == ("done", 20), answer


def count():
    from django_prometheus.db import execute_total

    from pickyassist_webhooks.models import DeliveryReport, Message

    assert DeliveryReport.objects.count() == 60
    assert set(Message.objects.values_list("status", flat=True)) == {3}
    [metric] = execute_total.collect()
    assert any(sample.value > 9 for sample in metric.samples), "nothing was watched"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        main(Path(folder))
