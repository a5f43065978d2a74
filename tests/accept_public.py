"""``python -m tests.accept_public``: take what is public now into the docs, and say its digest."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

from tests import public  # noqa: E402 - Django is there only now

above = public.PAGE.read_text("utf-8").partition(public.MARK)[0]
public.PAGE.write_text(above + public.MARK + public.page(), "utf-8")
print(f"Say what changed under Unreleased in CHANGELOG.md, with <!-- public: {public.digest()} -->")
