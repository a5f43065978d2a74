"""The settings of the tests, with the read API and the apps for its pages."""

from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS as USUAL

ROOT_URLCONF = "tests.urls_api"
INSTALLED_APPS = [*USUAL, "django_filters"]
