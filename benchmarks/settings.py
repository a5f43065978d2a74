"""One project for this app and its alternatives, with several databases.

``BENCHMARK_DATABASE`` names the kind of database. ``BENCHMARK_ROWS`` has the number of initial rows
of each one; the first is the default. ``BENCHMARK_FOLDER`` is the folder for the SQLite files.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tests import databases
from tests.settings import MIDDLEWARE, TEMPLATES  # noqa: F401 (those of a new project)

SECRET_KEY = "only-for-the-benchmarks"
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "benchmarks.urls"
WSGI_APPLICATION = "benchmarks.wsgi.application"

DATABASE = os.environ.get("BENCHMARK_DATABASE", "sqlite")
FOLDER = Path(os.environ.get("BENCHMARK_FOLDER", "."))
ROWS = [int(rows) for rows in os.environ.get("BENCHMARK_ROWS", "0").split(",")]


def database(rows: int) -> dict[str, Any]:
    entry = databases.settings_for(DATABASE, suffix=f"_benchmark_{rows}")
    if DATABASE == "sqlite":
        entry["TEST"]["NAME"] = str(FOLDER / f"{rows}.sqlite3")
    # By default each request opens its own connection, as in a new project.
    max_age = int(os.environ.get("BENCHMARK_MAX_AGE", "0"))
    return entry | {"NAME": entry["TEST"]["NAME"], "CONN_MAX_AGE": max_age}


DATABASES = {
    "default" if index == 0 else f"rows_{rows}": database(rows) for index, rows in enumerate(ROWS)
}
DATABASE_ROUTERS = ["benchmarks.databases.Router"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# The apps of a new project, with the admin.
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "anymail",
    "pickyassist_webhooks",
    "benchmarks.alternatives",
]
USE_TZ = True
TIME_ZONE = "UTC"

SECRET = "benchmark-secret-Rk3vYtW8zXk2"
CREDENTIALS = "benchmark:Jq5pR7sT9uV2"
PICKYASSIST_WEBHOOKS = {
    "SECRETS": {"benchmark": SECRET},
    "PROCESSOR": os.environ.get("BENCHMARK_PROCESSOR", "inline"),
}
ANYMAIL = {"WEBHOOK_SECRET": CREDENTIALS}

# The views of the alternatives obey Django's limit for bodies, and 10,000 rows exceed it.
DATA_UPLOAD_MAX_MEMORY_SIZE = 20 * 2**20
