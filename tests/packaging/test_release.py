"""The checks between a tag and the package index."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

import pickyassist_webhooks

from .conftest import ROOT

SCRIPT = ".ci/release_version.py"
CHANGES = """\
# Changelog

## Unreleased

### Added

- What is not released.

## {heading}

### Fixed

- A fault.

## 0.0.1 - 2026-01-31

- The first of all.
"""


@pytest.fixture
def release(tmp_path):
    """Return a function that runs the script in a project and returns its code and output."""
    for folder in (".ci", "pickyassist_webhooks"):
        (tmp_path / folder).mkdir()
    shutil.copy(ROOT / SCRIPT, tmp_path / SCRIPT)

    def release(*tag, heading="1.2.0", changes=CHANGES):
        init = tmp_path / "pickyassist_webhooks" / "__init__.py"
        init.write_text('__version__ = "1.2.0"\n', "utf-8")
        (tmp_path / "CHANGELOG.md").write_text(changes.format(heading=heading), "utf-8")
        command = [sys.executable, SCRIPT, *tag]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        return done.returncode, done.stderr

    return release


@pytest.mark.parametrize(
    "heading", ["1.2.0", "[1.2.0]", "1.2.0 - 2026-11-26", "[1.2.0] - 2026-11-26"]
)
def test_the_right_tag(release, heading):
    assert release("v1.2.0", heading=heading) == (0, "")


@pytest.mark.parametrize("tag", ["v1.2.1", "1.2.0", "v1.2", "v1.2.0rc1", "v0.0.1", "v1.2.0\n", ""])
def test_a_tag_of_another_version(release, tag):
    code, words = release(tag)
    assert code == 1
    assert "use the tag v1.2.0" in words


@pytest.mark.parametrize("heading", ["1.1.0 - 2026-11-26", "1.2.0.1", "1x2x0", "1.2.0 or so"])
def test_a_version_without_a_section(release, heading):
    code, words = release("v1.2.0", heading=heading)
    assert code == 1
    assert 'no changes under "## 1.2.0"' in words


@pytest.mark.parametrize(
    "changes",
    [CHANGES.replace("- A fault.", ""), CHANGES.replace("## {heading}", "### {heading}"), ""],
)
def test_an_empty_section(release, changes):
    code, words = release("v1.2.0", changes=changes)
    assert code == 1
    assert 'no changes under "## 1.2.0"' in words


@pytest.mark.parametrize("arguments", [[], ["v1.2.0", "v1.2.0"]])
def test_a_wrong_number_of_tags(release, arguments):
    code, words = release(*arguments)
    assert code == 1
    assert "expected one argument" in words


def test_it_reads_the_version_of_this_package():
    """It reads the real files: an impossible tag is refused with the current version."""
    command = [sys.executable, ROOT / SCRIPT, "v0"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"use the tag v{pickyassist_webhooks.__version__}" in done.stderr
