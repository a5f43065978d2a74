"""A project with one OpenAPI document for its own API and this one."""

import json
import os

from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS as USUAL

#: Settings of a test that differ from Django REST framework and drf-spectacular.
_CHOSEN = json.loads(os.environ.get("NEIGHBOUR", "{}"))

ROOT_URLCONF = _CHOSEN.get("ROOT_URLCONF", "tests.neighbour.urls")
INSTALLED_APPS = [*USUAL, "django_filters", "drf_spectacular"]
# Without the class, drf-spectacular refuses the other views of a project.
REST_FRAMEWORK = _CHOSEN.get(
    "REST_FRAMEWORK", {"DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema"}
)
SPECTACULAR_SETTINGS = _CHOSEN.get("SPECTACULAR_SETTINGS", {})
