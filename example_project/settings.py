"""A small shop, as it runs on a developer's machine.

To run one of the app's commands here, from the top folder of the clone and in its environment:
``python -m django pickyassist_process --settings example_project.settings``
"""

from __future__ import annotations

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
    # For the read API, and for the page that describes it.
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    # For its templates.
    "example_project",
    "example_project.shop",
    "example_project.tenants",
]

# A dict, so that each request keeps the label of the secret that let it in: to change the secret,
# add a second one, paste the new URL into Picky Assist, and remove the first.
PICKYASSIST_WEBHOOKS = {
    "SECRETS": {"shop": kept("pickyassist-secret")},
    # Where requests wait while the database is away: on a disk that outlives the server.
    "SPOOL_DIR": FOLDER / "spool",
}

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": FOLDER / "db.sqlite3",
        "OPTIONS": {
            # A transaction that begins as a reader and then writes is refused when another one
            # wrote meanwhile ("database is locked"); one that begins as a writer waits its turn.
            "transaction_mode": "IMMEDIATE",
            # With synchronous=NORMAL what is committed survives any crash of the process. Only
            # FULL survives a loss of power too, and it writes many times slower.
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            # The sender waits: rather into the spool soon than into the database late.
            "timeout": 3,
        },
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
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
# Files of this server, and of nobody else.
SPECTACULAR_SETTINGS = {"SWAGGER_UI_DIST": "SIDECAR", "SWAGGER_UI_FAVICON_HREF": "SIDECAR"}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(levelname)s %(name)s: %(message)s"}},
    # Who can read a log should not be able to post events, and the secret is part of the path.
    "filters": {"secrets": {"()": "pickyassist_webhooks.secrecy.HideSecrets"}},
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
