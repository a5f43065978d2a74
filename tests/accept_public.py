"""``python -m tests.accept_public``: write the list of public names into the docs."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

from tests import public  # noqa: E402 - Django is set up only now

above = public.PAGE.read_text("utf-8").partition(public.MARK)[0]
public.PAGE.write_text(above + public.MARK + public.page(), "utf-8")
print("Now describe the change under Unreleased in CHANGELOG.md.")
