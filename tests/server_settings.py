"""The test settings for a server in a separate process, on the database of the running test."""

from __future__ import annotations

import os

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES

# As in docs/security.md: the development server logs the path with the secret.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"secrets": {"()": "pickyassist_webhooks.redaction.HideSecrets"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "filters": ["secrets"]}},
    "loggers": {"django.server": {"handlers": ["console"], "level": "INFO", "propagate": False}},
}

DATABASES["default"]["NAME"] = os.environ["SERVER_DATABASE"]
