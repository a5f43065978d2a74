"""``gunicorn --config example_project/gunicorn.conf.py``, in the top folder of the clone."""

from __future__ import annotations

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "example_project.production")

wsgi_app = "django.core.wsgi:get_wsgi_application()"
# If PORT is set, gunicorn listens on all addresses; otherwise on 127.0.0.1:8000.

workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
# A slow client blocks one thread, not a whole worker. Each thread may hold a database connection:
# the total must stay below PostgreSQL's max_connections, by default 100.
worker_class = "gthread"
threads = 8
# Longer than the proxy keeps an idle connection (nginx: 60 s). Otherwise gunicorn could close a
# connection just when the proxy sends an event on it, and lose the event.
keepalive = 75
# Seconds for open requests on a restart.
graceful_timeout = 30
# MAX_BODY_BYTES limits the size of a body: it answers 413 and logs it.

# Logged by production.LOGGING, which hides the secret.
accesslog = "-"
# The control socket is not used here.
control_socket_disable = True
