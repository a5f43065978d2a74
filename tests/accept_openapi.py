"""``python -m tests.accept_openapi``: take the API's description as it is now into the docs."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

from tests.test_schema import GOLDEN, schema, written  # noqa: E402 - Django is there only now

GOLDEN.write_text(written(schema.document("/api/")), "utf-8")
