"""The test settings for a server that a browser visits, under a strict policy."""

from __future__ import annotations

from tests.settings import *  # noqa: F403
from tests.settings import MIDDLEWARE, PICKYASSIST_WEBHOOKS

ROOT_URLCONF = "tests.browser.urls"
# First, so that its policy is also on the answers of the others.
# Pages are in the language that the browser asks for.
MIDDLEWARE = [
    "tests.browser.policy.content_security_policy",
    *MIDDLEWARE,
    "django.middleware.locale.LocaleMiddleware",
]
# A failed receiver is not retried, so that each of its failures can be deleted.
PICKYASSIST_WEBHOOKS = PICKYASSIST_WEBHOOKS | {"MAX_ATTEMPTS": 1}
# Refusals and failures are intended here.
LOGGING = {"version": 1, "loggers": {"pickyassist_webhooks": {"level": "CRITICAL"}}}
