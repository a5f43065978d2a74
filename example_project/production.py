"""The shop in production: ``DJANGO_SETTINGS_MODULE=example_project.production``.

Four kinds of processes run: ``gunicorn`` (gunicorn.conf.py), a Celery worker (celery.py), one
``python -m django pickyassist_process --loop``, and a proxy that terminates TLS. On each
deployment, first run ``python -m django migrate`` and ``collectstatic --no-input``.

Once ``pickyassist_process`` has run, ``python -m django check --deploy`` reports nothing. Besides
the variables below, the environment has SECRET_KEY and PICKYASSIST_SECRET. If one is missing, it is
made once and kept in DATA_FOLDER. That is enough for one machine with a permanent folder.
"""

from __future__ import annotations

import os

import django

# Imported here, since the demo does not use Celery. Otherwise Celery's default app would send the
# tasks, and it ignores these settings.
from example_project import celery  # noqa: F401
from example_project.kept import FOLDER
from example_project.settings import *  # noqa: F403
from example_project.settings import LOGGING, MIDDLEWARE, PICKYASSIST_WEBHOOKS

# The host of the URL in Picky Assist: requests to any other host get 400 and are lost.
ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "localhost").split(",")

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": os.environ.get("PGDATABASE", "shop"),
        # PGHOST, PGPORT, PGUSER, PGPASSWORD, PGSSLMODE: PostgreSQL's own library reads them.
        "OPTIONS": {
            # Seconds. Picky Assist is waiting: a request in the spool now beats one here late.
            "connect_timeout": 2,
        },
        # A new connection for each request, neither kept open nor from a pool. If the server
        # freezes, a request waits forever on an open connection, but a new one times out. That
        # costs a few milliseconds. For hundreds of requests a second, use PgBouncer, and set
        # DISABLE_SERVER_SIDE_CURSORS if it pools transactions.
        "CONN_MAX_AGE": 0,
    }
}

# While the database is down, SPOOL_DIR has the only copy of each request. So DATA_FOLDER must be on
# a volume, and the sweep (pickyassist_process) needs access to it.
PICKYASSIST_WEBHOOKS = PICKYASSIST_WEBHOOKS | {
    # The sweep processes the requests that the broker loses. So it is a separate process and not a
    # task of Celery beat, which needs the broker.
    "PROCESSOR": "pickyassist_webhooks.engines.celery.enqueue",
}
CELERY_BROKER_URL = os.environ.get("CELERY_BROKER_URL", "redis://127.0.0.1:6379/0")
# Several projects may share a Redis. RabbitMQ ignores this: it has virtual hosts.
CELERY_BROKER_TRANSPORT_OPTIONS = {"global_keyprefix": os.environ.get("CELERY_PREFIX", "shop.")}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False  # so that LOGGING applies there too

# All loggers, also those of gunicorn, use the one handler that hides secrets.
LOGGING = LOGGING | {
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        name: {"propagate": True} for name in ("django", "gunicorn.access", "gunicorn.error")
    },
}

# gunicorn serves static files. Their names change with their content, so browsers can cache them.
STATIC_ROOT = FOLDER / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
security, *others = MIDDLEWARE
MIDDLEWARE = [security, "whitenoise.middleware.WhiteNoiseMiddleware", *others]

# The proxy terminates TLS. It must always set this header itself and drop the client's value.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = True
SECURE_REDIRECT_EXEMPT = [
    # Picky Assist does not follow redirects: an event posted to http:// would be lost.
    r"^pickyassist/events/",
    # The machine itself asks for it, without the proxy.
    r"^healthz/$",
]
# Browsers then refuse plain HTTP for a year, also for subdomains. Begin with an hour, and leave out
# the last two settings if a subdomain has no TLS.
SECURE_HSTS_SECONDS = 365 * 24 * 3600
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True

# The admin shows received data as text only. This policy is a second protection.
if django.VERSION >= (6, 0):
    MIDDLEWARE = [*MIDDLEWARE, "django.middleware.csp.ContentSecurityPolicyMiddleware"]
    SECURE_CSP = {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
