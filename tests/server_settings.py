"""The test settings for a server in a process of its own, on the database of the running test."""

from __future__ import annotations

import os

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES

DATABASES["default"]["NAME"] = os.environ["SERVER_DATABASE"]
