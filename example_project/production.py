"""The shop as it is served to the world: ``DJANGO_SETTINGS_MODULE=example_project.production``.

Four kinds of processes: ``gunicorn`` (gunicorn.conf.py), a Celery worker (celery.py), one
``python -m django pickyassist_process --loop``, and a proxy in front that ends TLS. Before them, on
each deployment: ``python -m django migrate`` and ``python -m django collectstatic --no-input``.

``python -m django check --deploy`` has nothing to say. From the environment come, besides what is
read below, SECRET_KEY and PICKYASSIST_SECRET. Without these two they are made once and kept in
DATA_FOLDER, which is enough for one machine whose folder outlives everything else.
"""

from __future__ import annotations

import os

import django

# Here, as the demo does without Celery. Otherwise tasks would be sent by Celery's default app,
# which knows nothing of these settings.
from example_project import celery  # noqa: F401
from example_project.kept import FOLDER
from example_project.settings import *  # noqa: F403
from example_project.settings import LOGGING, MIDDLEWARE, PICKYASSIST_WEBHOOKS

# The host of the URL that is pasted into Picky Assist: any other is answered 400, and lost.
ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "localhost").split(",")

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": os.environ.get("PGDATABASE", "shop"),
        # PGHOST, PGPORT, PGUSER, PGPASSWORD, PGSSLMODE: PostgreSQL's own library reads them.
        "OPTIONS": {
            # Seconds. Picky Assist waits for us: rather into the spool soon than here late.
            "connect_timeout": 2,
        },
        # A new connection for each request, neither kept open nor taken from a pool. On an open one
        # a request waits without end for a server that froze, and its event with it; a new one is
        # given up on in time. That costs a few milliseconds. With hundreds of requests a second,
        # put PgBouncer in between.
        "CONN_MAX_AGE": 0,
    }
}

# Requests wait in SPOOL_DIR while the database is away, each the only copy there is. DATA_FOLDER
# must be on a volume, and the sweep (pickyassist_process) must see it.
PICKYASSIST_WEBHOOKS = PICKYASSIST_WEBHOOKS | {
    # What a broker loses, the sweep takes up. So it is a process of its own and no task of Celery's
    # beat: those go over the broker that may be what is down.
    "PROCESSOR": "pickyassist_webhooks.engines.celery.enqueue",
}
CELERY_BROKER_URL = os.environ.get("CELERY_BROKER_URL", "redis://127.0.0.1:6379/0")
# Several projects may share a Redis. RabbitMQ leaves this aside: it has virtual hosts.
CELERY_BROKER_TRANSPORT_OPTIONS = {"global_keyprefix": os.environ.get("CELERY_PREFIX", "shop.")}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False  # so that LOGGING holds there, too

# All goes through the one handler that hides secrets, what gunicorn writes included.
LOGGING = LOGGING | {
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        name: {"propagate": True} for name in ("django", "gunicorn.access", "gunicorn.error")
    },
}

# gunicorn serves them, under names that change with what is in them, so that browsers keep them.
STATIC_ROOT = FOLDER / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
security, *others = MIDDLEWARE
MIDDLEWARE = [security, "whitenoise.middleware.WhiteNoiseMiddleware", *others]

# The proxy in front ends TLS and says so; it must set this header itself, whatever came in it.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = True
SECURE_REDIRECT_EXEMPT = [
    # Picky Assist does not follow redirects: an event posted to http:// would be lost.
    r"^pickyassist/events/",
    # Asked by the machine itself, past the proxy.
    r"^healthz/$",
]
# Browsers then refuse plain http for a year, for all names below this one, too. Begin with an hour,
# and leave out the latter two where other hosts of the domain have no TLS.
SECURE_HSTS_SECONDS = 365 * 24 * 3600
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True

# What strangers send is shown in the admin as text. This is the second lock on that door.
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
