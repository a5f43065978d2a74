"""The test settings for a server that a browser visits, under a strict policy."""

from __future__ import annotations

from tests.settings import *  # noqa: F403
from tests.settings import MIDDLEWARE, PICKYASSIST_WEBHOOKS

ROOT_URLCONF = "tests.browser.urls"
# First, so that its policy is on whatever the others answer, too.
MIDDLEWARE = ["tests.browser.policy.content_security_policy", *MIDDLEWARE]
# What a receiver raised on is not tried again, so that each row has a page to delete it on.
PICKYASSIST_WEBHOOKS = PICKYASSIST_WEBHOOKS | {"MAX_ATTEMPTS": 1}
# What is refused and what fails here is meant to.
LOGGING = {"version": 1, "loggers": {"pickyassist_webhooks": {"level": "CRITICAL"}}}
