"""The settings of servers and workers, from the environment."""

from __future__ import annotations

import json
import os

from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS, MIDDLEWARE, PICKYASSIST_WEBHOOKS

#: The folder with heard.log and the armed points.
FAULTS_FOLDER = os.environ["FAULTS_FOLDER"]

INSTALLED_APPS = [*INSTALLED_APPS, "tests.faults.app.FaultsConfig"]
MIDDLEWARE = ["tests.faults.points.door", *MIDDLEWARE]
DATABASES = {"default": json.loads(os.environ["FAULTS_DATABASE"])}
PICKYASSIST_WEBHOOKS = PICKYASSIST_WEBHOOKS | json.loads(os.environ["FAULTS_KEYS"])
