"""Settings of a project that listens, asks and tests."""

SECRET_KEY = "only-for-the-tests"
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "pickyassist_webhooks",
    "shop",
]
