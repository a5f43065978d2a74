"""The settings of a development server: DEBUG, and the debug toolbar on each request."""

from __future__ import annotations

from tests.server_settings import *  # noqa: F403
from tests.server_settings import INSTALLED_APPS, MIDDLEWARE

DEBUG = True
ROOT_URLCONF = "tests.urls_toolbar"
INSTALLED_APPS = [*INSTALLED_APPS, "debug_toolbar"]
MIDDLEWARE = ["debug_toolbar.middleware.DebugToolbarMiddleware", *MIDDLEWARE]
INTERNAL_IPS = ["127.0.0.1"]
# The toolbar refuses to start in a test run, unless this is False.
DEBUG_TOOLBAR_CONFIG = {"IS_RUNNING_TESTS": False}
