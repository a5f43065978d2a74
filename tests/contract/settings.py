"""The tests' settings, with the read API and what its pages need."""

from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS as USUAL

ROOT_URLCONF = "tests.urls_api"
INSTALLED_APPS = [*USUAL, "django_filters"]
