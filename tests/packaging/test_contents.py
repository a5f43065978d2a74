"""The wheel and the sdist contain the whole package and nothing else."""

from __future__ import annotations

import re
import sys
import tarfile
from email.message import Message
from email.parser import Parser
from pathlib import Path
from zipfile import ZipFile

import pytest

import pickyassist_webhooks

from .conftest import ROOT, run

NAME = "django_pickyassist_webhooks"
VERSION = pickyassist_webhooks.__version__
INFO = f"{NAME}-{VERSION}.dist-info"
#: Files of the sdist outside the package.
AROUND = {"CHANGELOG.md", "LICENSE", "MANIFEST.in", "README.md", "pyproject.toml", "setup.cfg"}


@pytest.fixture
def package(files):
    return {name for name in files if name.startswith("pickyassist_webhooks/")}


@pytest.fixture
def metadata(wheel) -> Message:
    with ZipFile(wheel) as archive:
        return Parser().parsestr(archive.read(f"{INFO}/METADATA").decode())


def test_the_wheel_is_the_package(wheel, package):
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
    about = {name for name in names if name.startswith(f"{INFO}/")}
    assert names - about == package
    assert f"{INFO}/licenses/LICENSE" in about


@pytest.mark.parametrize(
    "kind",
    [
        "/py.typed",
        "/migrations/0001_initial.py",
        "/management/commands/pickyassist_process.py",
        "/templates/pickyassist_webhooks/admin/overview.html",
        "/static/pickyassist_webhooks/admin.css",
        "/locale/ar/LC_MESSAGES/django.mo",
        "/templatetags/pickyassist_admin.py",
        "/testing/plugin.py",
    ],
)
def test_each_kind_of_file_is_included(wheel, kind):
    with ZipFile(wheel) as archive:
        assert f"pickyassist_webhooks{kind}" in archive.namelist()


def test_the_sdist_has_all_files_to_build_the_wheel(sdist, package):
    with tarfile.open(sdist) as archive:
        members = [member.name for member in archive if member.isfile()]
    top = f"{NAME}-{VERSION}/"
    assert all(name.startswith(top) for name in members)
    names = {name.removeprefix(top) for name in members}
    generated = {name for name in names if name.startswith(f"{NAME}.egg-info/")} | {"PKG-INFO"}
    assert names - generated == package | AROUND


def test_git_and_the_sdist_agree(clone):
    run(Path(sys.executable).with_name("check-manifest"), cwd=clone)


def test_the_index_can_show_it(wheel, sdist):
    run(sys.executable, "-m", "twine", "check", "--strict", wheel, sdist)


def test_the_licence_matches_the_metadata(metadata, wheel):
    assert metadata["License-Expression"] == "MIT"
    assert metadata.get_all("License-File") == ["LICENSE"]
    text = (ROOT / "LICENSE").read_bytes()
    assert text.startswith(b"MIT License\n")
    with ZipFile(wheel) as archive:
        assert archive.read(f"{INFO}/licenses/LICENSE") == text


def test_it_requires_only_two_packages(metadata):
    needed = [line for line in metadata.get_all("Requires-Dist") if "extra ==" not in line]
    assert sorted(needed) == ["Django>=5.2", "djangorestframework>=3.16"]
    assert (metadata["Name"], metadata["Version"]) == (NAME.replace("_", "-"), VERSION)
    assert metadata["Requires-Python"] == ">=3.10"


def test_it_names_the_versions_of_the_test_cells(metadata):
    cells = (ROOT / "tox.ini").read_text("utf-8").partition("[testenv]")[0]
    pythons = set()
    for line in re.findall(r"^ +(py\S+)", cells, re.MULTILINE):
        names = re.match(r"py(\{[0-9,]+\}|[0-9]+)", line)[1].strip("{}").split(",")
        pythons |= {f"{name[0]}.{name[1:]}" for name in names}
    djangos = set()
    for names in re.findall(r"django(\{[0-9,]+\}|[0-9]+)", cells):
        djangos |= {f"{name[0]}.{name[1:]}" for name in names.strip("{}").split(",")}
    assert pythons
    assert djangos
    classifiers = metadata.get_all("Classifier")
    assert pythons == _versions(classifiers, "Programming Language :: Python")
    assert djangos == _versions(classifiers, "Framework :: Django")


def _versions(classifiers, of):
    matches = (re.fullmatch(rf"{of} :: (\d+\.\d+)", name) for name in classifiers)
    return {match[1] for match in matches if match}
