"""The test settings with a custom user model."""

from __future__ import annotations

import copy

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES, INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.accounts"]
AUTH_USER_MODEL = "accounts.Account"
# Separate databases: the tests that use these settings have their own.
DATABASES = copy.deepcopy(DATABASES)
for database in DATABASES.values():
    database["TEST"]["NAME"] += "_accounts"
