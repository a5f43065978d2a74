"""The Celery app of a project, as in Celery's guide for Django."""

from __future__ import annotations

from celery import Celery
from kombu import Queue

app = Celery("project")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.task_queues = [Queue(app.conf.task_default_queue, expires=300)]
app.set_default()
app.autodiscover_tasks()
