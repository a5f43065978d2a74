"""What the pages say to type: it compiles, and every name, key, option and path in it is there."""

from __future__ import annotations

import ast
import re
import shlex
from collections import defaultdict
from configparser import ConfigParser
from importlib import import_module
from types import SimpleNamespace

import pytest
import yaml
from django.core.management import CommandError, get_commands, load_command_class
from django.test import override_settings

from pickyassist_webhooks import checks, models
from tests.__main__ import SUITES
from tests.docs.pages import BESIDE, DOCS, ROOT, WRITTEN, snippets

PAGES = [page for page in [*WRITTEN, *BESIDE] if page.name != "CHANGELOG.md"]

#: Of packages that only some projects have.
OF_OTHERS = {"db_worker"}
#: Names that begin as paths of this package do, and are none.
TASK = "pickyassist_webhooks.process"


def each_snippet(language):
    found = [
        pytest.param(text, id=f"{page.relative_to(ROOT).as_posix()}:{line}")
        for page in PAGES
        for line, text in snippets(page, language)
    ]
    assert found
    return pytest.mark.parametrize("text", found)


@each_snippet("python")
class TestPython:
    def test_compiles(self, text):
        ast.parse(text)

    def test_imports(self, text):
        for node in ast.walk(ast.parse(text)):
            if not isinstance(node, ast.ImportFrom) or node.level:
                continue
            if node.module.partition(".")[0] in ("django", "pickyassist_webhooks"):
                module = import_module(node.module)
                for name in node.names:
                    assert hasattr(module, name.name), name.name

    def test_settings(self, text):
        """They would pass the system checks."""
        environment = SimpleNamespace(environ=defaultdict(lambda: "a-secret-of-22-characters"))
        for node in ast.parse(text).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == checks.NAME:
                value = eval(ast.unparse(node.value), {"os": environment})  # noqa: S307
                with override_settings(**{checks.NAME: value}):
                    found = checks.check_settings()
                # An engine may be of a package that is not installed here, or of one's own.
                assert [each for each in found if each.id != "pickyassist_webhooks.E007"] == []


@each_snippet("console")
def test_commands(text):
    extras = ConfigParser()
    extras.read(ROOT / "setup.cfg")
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words[:2] == ["python", "manage.py"]:
            parse(words[2:])
        elif words[1:3] == ["-m", "tests"]:
            if "--suite" in words:
                assert words[words.index("--suite") + 1] in SUITES
        elif words[:2] == ["pip", "install"]:
            for extra in re.findall(r"django-pickyassist-webhooks\[([\w-]+)\]", line):
                assert extra in extras["options.extras_require"]


def parse(words):
    """Have a management command read its options, as it would."""
    name, *arguments = words
    if name in OF_OTHERS:
        return
    # These tests have another second database.
    arguments = ["own" if word == "events" else word for word in arguments]
    command = load_command_class(get_commands()[name], name)
    command.create_parser("manage.py", name).parse_args(arguments)


@each_snippet("yaml")
def test_containers(text):
    started = [container["command"] for container in yaml.safe_load(text)["spec"]["containers"]]
    assert [command[0] for command in started] == ["gunicorn", "python"]
    parse(started[1][2:])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_names_in_the_text(page):
    """Dotted paths, check ids and permissions."""
    text = page.read_text("utf-8")
    for path in re.findall(r"\bpickyassist_webhooks(?:\.[A-Za-z_]\w*)+", text):
        assert path == TASK or is_there(path), path


def is_there(path):
    app, *names = path.split(".")
    if re.fullmatch(r"[EW]\d{3}", names[0]):
        return names[0] in (DOCS / "reference.md").read_text("utf-8")
    if names[0] in {name for name, _ in models.WebhookRequest._meta.permissions}:
        return True
    place = ROOT / app
    while names and (place / names[0]).is_dir():
        place /= names.pop(0)
    file = place / "__init__.py"
    if names and (place / f"{names[0]}.py").is_file():
        file = place / f"{names.pop(0)}.py"
    # Not imported: an engine's package may not be installed.
    tree = ast.parse(file.read_text("utf-8"))
    known: set[str] = set()
    for node in tree.body:
        known |= {alias.name for alias in getattr(node, "names", ())}
        known |= {ast.unparse(target) for target in getattr(node, "targets", ())}
        known.add(getattr(node, "name", ""))
    return not names or names[0] in known


def test_what_is_not_there_is_found():
    assert is_there("pickyassist_webhooks.engines.celery.enqueue")
    assert is_there("pickyassist_webhooks.testing")
    assert not is_there("pickyassist_webhooks.engines.celery.dequeue")
    assert not is_there("pickyassist_webhooks.W999")
    with pytest.raises(CommandError):
        parse(["pickyassist_process", "--for-ever"])
