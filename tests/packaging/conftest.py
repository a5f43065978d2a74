"""``python3 -m tests --suite packaging``: build, inspect and use the wheel and the sdist.

All is built of a copy of what git has or would take: setuptools writes into the folder that it
builds, and takes what earlier builds left there for files of the package.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


def run(*command: str | Path, **options: Any) -> str:
    """Run a command and return its output; if it fails, fail with the output."""
    done = subprocess.run(
        list(map(str, command)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        **options,
    )
    if done.returncode:
        pytest.fail(f"{command} ended with {done.returncode}:\n{done.stdout}", pytrace=False)
    return done.stdout


def python_of(venv: Path) -> Path:
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """List the files of the project that git does not ignore, with or without a repository."""
    # A separate repository: that of the checkout can be missing or another one.
    git = tmp_path_factory.mktemp("git")
    run("git", "init", "--quiet", "--bare", git)
    asked = ["git", f"--git-dir={git}", f"--work-tree={ROOT}", "ls-files", "-z"]
    listed = run(*asked, "--others", "--exclude-standard", cwd=ROOT)
    return sorted(name for name in listed.split("\0") if name)


@pytest.fixture(scope="session")
def clone(files: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the files into a separate repository."""
    clone = tmp_path_factory.mktemp("clone")
    for name in files:
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, clone / name)
    run("git", "init", "--quiet", cwd=clone)
    run("git", "add", "--all", cwd=clone)
    return clone


@pytest.fixture(scope="session")
def built(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the sdist, and the wheel from it; return the folder."""
    built = tmp_path_factory.mktemp("built")
    run(sys.executable, "-m", "build", "--outdir", built, clone)
    return built


@pytest.fixture(scope="session")
def wheel(built: Path) -> Path:
    [wheel] = built.glob("*.whl")
    return wheel


@pytest.fixture(scope="session")
def sdist(built: Path) -> Path:
    [sdist] = built.glob("*.tar.gz")
    return sdist
