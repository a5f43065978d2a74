"""A Celery app whose broker does not run."""

from __future__ import annotations

import os

from celery import Celery

app = Celery("faults", broker=os.environ["FAULTS_BROKER"], set_as_current=True)
app.set_default()
