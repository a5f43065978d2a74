"""Install the sdist with its requirements into an empty environment, and use it.

The wheel is used likewise on each Python in the cells of tox.ini that end in ``-empty``.
"""

from __future__ import annotations

import sys
from pathlib import Path

from .conftest import python_of, run


def test_the_sdist_in_an_empty_project(sdist, tmp_path):
    run(sys.executable, "-m", "venv", tmp_path)
    python = python_of(tmp_path)
    run(python, "-m", "pip", "install", "--quiet", sdist)
    run(python, "-I", Path(__file__).with_name("first_use.py"))
