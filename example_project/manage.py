"""Django's commands for the example: ``.venv/bin/python example_project/manage.py check``."""

import os
import sys
from pathlib import Path

if __name__ == "__main__":
    # Replace this folder, so that the example is a package and its celery.py does not hide Celery.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "example_project.settings")
    try:
        from django.core.management import execute_from_command_line
    except ImportError as err:
        raise SystemExit(
            "Django is not installed in this Python. Run `python3 -m example_project` once, then "
            "`.venv/bin/python example_project/manage.py`."
        ) from err
    execute_from_command_line(sys.argv)
