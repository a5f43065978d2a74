"""Check the code of a project with ``mypy --strict`` against the installed wheel."""

from __future__ import annotations

import shutil
import sys
import sysconfig
from pathlib import Path

import pytest

from .conftest import python_of, run

USER_PROJECT = Path(__file__).resolve().parent / "user_project"
PLUGIN = """\
plugins = mypy_django_plugin.main
[mypy.plugins.django-stubs]
django_settings_module = settings
"""


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory):
    """Return a Python with the wheel and the packages of the Python that runs the tests."""
    venv = tmp_path_factory.mktemp("typing")
    run(sys.executable, "-m", "venv", "--without-pip", venv)
    python = python_of(venv)
    run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", wheel)
    site = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    # After the wheel, and without the entry that makes the checkout importable.
    Path(site, "tools.pth").write_text(sysconfig.get_path("purelib"), "utf-8")
    where = run(python, "-I", "-c", "import pickyassist_webhooks as app; print(app.__file__)")
    assert Path(site) in Path(where.strip()).parents
    return python


@pytest.fixture
def check(python, tmp_path):
    """Return a function that type-checks modules of the project, with or without the plugin."""
    shutil.copytree(USER_PROJECT, tmp_path, dirs_exist_ok=True)

    def check(options, *modules):
        (tmp_path / "mypy.ini").write_text(f"[mypy]\nstrict = True\n{options}", "utf-8")
        return run(python, "-m", "mypy", *modules, cwd=tmp_path)

    return check


MODULES = sorted(f"shop/{path.name}" for path in (USER_PROJECT / "shop").glob("*.py"))


def test_with_the_plugin_of_django_stubs(check):
    assert f"no issues found in {len(MODULES)} source files" in check(PLUGIN, *MODULES)


def test_without_the_plugin_except_field_types(check):
    modules = [name for name in MODULES if name != "shop/columns.py"]
    assert f"no issues found in {len(MODULES) - 1} source files" in check("", *modules)
