"""The wheel with django-prometheus, whose database backends wrap each cursor.

In an environment of its own: it keeps Django below 6.1.
"""

from __future__ import annotations

import sys
from pathlib import Path

from .conftest import python_of, run


def test_reports_are_stored_through_the_cursors_of_django_prometheus(wheel, tmp_path):
    run(sys.executable, "-m", "venv", tmp_path)
    python = python_of(tmp_path)
    run(python, "-m", "pip", "install", "--quiet", wheel, "django-prometheus")
    run(python, "-I", Path(__file__).with_name("watched_use.py"))
