"""The test settings with a user model of the project's own."""

from __future__ import annotations

import copy

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES, INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.accounts"]
AUTH_USER_MODEL = "accounts.Account"
# Beside the databases of the tests that start these.
DATABASES = copy.deepcopy(DATABASES)
for database in DATABASES.values():
    database["TEST"]["NAME"] += "_accounts"
