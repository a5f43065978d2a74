"""The shop with django-jazzmin, whose scripts no strict policy lets run."""

from __future__ import annotations

from tests.browser.settings import *  # noqa: F403
from tests.browser.settings import INSTALLED_APPS, MIDDLEWARE

INSTALLED_APPS = ["jazzmin", *INSTALLED_APPS]
MIDDLEWARE = [name for name in MIDDLEWARE if "policy" not in name]
# Or it is light in any browser.
JAZZMIN_UI_TWEAKS = {"default_theme_mode": "auto"}
