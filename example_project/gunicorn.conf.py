"""``gunicorn --config example_project/gunicorn.conf.py``, in the top folder of the clone."""

from __future__ import annotations

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "example_project.production")

wsgi_app = "django.core.wsgi:get_wsgi_application()"
# gunicorn itself reads PORT, and then listens on all addresses; without it on 127.0.0.1:8000.

workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
# Somebody who sends slowly holds one thread, not a whole worker. Each may hold a connection to the
# database: together they must stay below PostgreSQL's max_connections, which is 100.
worker_class = "gthread"
threads = 8
# Longer than the proxy in front keeps a connection that is idle (nginx: 60 s). One that is closed
# here just when the proxy sends an event on it would lose the event.
keepalive = 75
# On a restart, seconds for the requests in hand.
graceful_timeout = 30
# The size of a body is for MAX_BODY_BYTES, which answers 413 and says so in the log.

# To production.LOGGING, which hides the secret.
accesslog = "-"
# A socket to give orders by, which nobody here does.
control_socket_disable = True
