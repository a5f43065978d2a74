"""``python -m tests.accept_openapi``: write the current description of the API into the docs."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

from pickyassist_webhooks.api import document as openapi  # noqa: E402 - Django is set up only now
from tests.openapi import GOLDEN, written  # noqa: E402

GOLDEN.write_text(written(openapi.document("/api/")), "utf-8")
