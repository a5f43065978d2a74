"""``python3 -m tests --suite docs``: build the site, and check every link and snippet."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import DOCS


def build(source: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Build the site; every warning is an error."""
    strict = ["-W", "--keep-going", "-n", "-q"]
    return subprocess.run(
        [sys.executable, "-m", "sphinx", *strict, "-b", "html", str(source), str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    built = build(DOCS, folder)
    assert built.returncode == 0, built.stderr
    return folder
