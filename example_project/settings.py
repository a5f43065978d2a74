"""A small shop on a developer's machine.

Run Django's commands in the environment of the clone:
``.venv/bin/python example_project/manage.py pickyassist_process``
"""

from __future__ import annotations

import os

from example_project.kept import FOLDER, kept

SECRET_KEY = kept("secret-key", 48)
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
ROOT_URLCONF = "example_project.urls"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "pickyassist_webhooks",
    # For the read API and its documentation page.
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    # For its templates.
    "example_project",
    "example_project.shop",
    "example_project.tenants",
]

# For messages that the shop sends. Set these variables to those of your account.
PICKYASSIST_API_URL = os.environ.get("PICKYASSIST_API_URL", "https://pickyassist.com/app/api/v2/")
PICKYASSIST_PROJECT_ID = os.environ.get("PICKYASSIST_PROJECT_ID", "4100")
PICKYASSIST_TOKEN = os.environ.get("PICKYASSIST_TOKEN", "")

# A dict, so that each request stores the label of its secret. To change the secret, add a second
# one, paste the new URL into Picky Assist, and remove the first.
PICKYASSIST_WEBHOOKS = {
    "SECRETS": {"shop": kept("pickyassist-secret")},
    # Requests wait here while the database is down, so it must be on a permanent disk.
    "SPOOL_DIR": FOLDER / "spool",
    # With a token, pickyassist_reconcile fetches the reports that never came.
    "API_URL": PICKYASSIST_API_URL,
    "API_TOKENS": {PICKYASSIST_PROJECT_ID: PICKYASSIST_TOKEN} if PICKYASSIST_TOKEN else {},
}

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": FOLDER / "db.sqlite3",
        "OPTIONS": {
            # A transaction that reads first and then writes fails if another one has written in
            # the meantime ("database is locked"). One that begins as a writer waits instead.
            "transaction_mode": "IMMEDIATE",
            # With synchronous=NORMAL, commits survive a crash of the process. Only FULL survives a
            # loss of power too, but it writes many times slower.
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            # The sender is waiting: a request in the spool now beats one in the database late.
            "timeout": 3,
        },
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    # The admin speaks the language of the browser, if there is a translation.
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

STATIC_URL = "static/"
TIME_ZONE = "UTC"
USE_TZ = True

REST_FRAMEWORK = {"DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema"}
# Only files of this server.
SPECTACULAR_SETTINGS = {"SWAGGER_UI_DIST": "SIDECAR", "SWAGGER_UI_FAVICON_HREF": "SIDECAR"}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(levelname)s %(name)s: %(message)s"}},
    # The secret is part of the path: a person who reads the log must not be able to post events.
    "filters": {"secrets": {"()": "pickyassist_webhooks.redaction.HideSecrets"}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "filters": ["secrets"],
        },
    },
    "loggers": {
        "example_project": {"handlers": ["console"], "level": "INFO"},
        "pickyassist_webhooks": {"handlers": ["console"], "level": "INFO"},
        "django.server": {"handlers": ["console"], "level": "INFO", "propagate": False},
    },
}
