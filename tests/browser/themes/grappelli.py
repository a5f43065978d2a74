"""The shop with django-grappelli, whose scripts no strict policy lets run."""

from __future__ import annotations

from tests.browser.settings import *  # noqa: F403
from tests.browser.settings import INSTALLED_APPS, MIDDLEWARE

INSTALLED_APPS = ["grappelli", *INSTALLED_APPS]
MIDDLEWARE = [name for name in MIDDLEWARE if "policy" not in name]
ROOT_URLCONF = "tests.browser.themes.grappelli_urls"
