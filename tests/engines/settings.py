"""The settings of servers and workers with the task queue of the environment."""

from __future__ import annotations

import os

import django

from tests.faults.settings import *  # noqa: F403
from tests.faults.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.engines.app.EnginesConfig"]

if broker := os.environ.get("ENGINES_BROKER"):
    CELERY_BROKER_URL = broker
    # For this run only; the broker deletes it soon after.
    CELERY_TASK_DEFAULT_QUEUE = os.environ["ENGINES_QUEUE"]
    # In Redis, all users of the database share the data of the workers without a prefix.
    CELERY_BROKER_TRANSPORT_OPTIONS = {"global_keyprefix": CELERY_TASK_DEFAULT_QUEUE}
else:
    before_django_6 = ["django_tasks"] if django.VERSION < (6, 0) else []
    INSTALLED_APPS = [*INSTALLED_APPS, *before_django_6, "django_tasks_db"]
    TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}
