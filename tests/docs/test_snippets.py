"""The snippets compile, and all their names, keys, options and paths exist."""

from __future__ import annotations

import ast
import re
import shlex
from configparser import ConfigParser
from importlib import import_module
from types import SimpleNamespace

import pytest
import yaml
from django.core.management import CommandError, get_commands, load_command_class
from django.test import override_settings

from pickyassist_webhooks import models
from pickyassist_webhooks.checks import settings
from tests.__main__ import SUITES
from tests.docs.pages import DOCS, OUTSIDE, ROOT, WRITTEN, snippets

PAGES = [page for page in [*WRITTEN, *OUTSIDE] if page.name != "CHANGELOG.md"]

#: Commands of optional packages.
OPTIONAL = {"db_worker"}
#: The name of a task, which looks like a path of this package.
TASK = "pickyassist_webhooks.process"


def each_snippet(language):
    params = [
        pytest.param(text, id=f"{page.relative_to(ROOT).as_posix()}:{line}")
        for page in PAGES
        for line, text in snippets(page, language)
    ]
    assert params
    return pytest.mark.parametrize("text", params)


class Environment(dict):
    """Variables with values of their own, each long enough for a secret."""

    def __missing__(self, name):
        return f"a-value-of-22-characters-{name}"


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

    def test_settings(self, text, tmp_path):
        """The settings pass the system checks."""
        names = {"os": SimpleNamespace(environ=Environment()), "BASE_DIR": tmp_path}
        for node in ast.parse(text).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == settings.NAME:
                value = eval(ast.unparse(node.value), names)  # noqa: S307
                with override_settings(**{settings.NAME: value}):
                    errors = settings.check_settings()
                # An engine may be of a package that is not installed here, or of the project.
                assert [error for error in errors if error.id != "pickyassist_webhooks.E007"] == []


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
    """Parse the options of a management command."""
    name, *arguments = words
    if name in OPTIONAL:
        return
    # The second database has another name in these tests.
    arguments = ["own" if word == "events" else word for word in arguments]
    command = load_command_class(get_commands()[name], name)
    command.create_parser("manage.py", name).parse_args(arguments)


@each_snippet("yaml")
def test_containers(text):
    resource = yaml.safe_load(text)
    spec = resource["spec"]
    if resource.get("kind") == "CronJob":
        spec = spec["jobTemplate"]["spec"]["template"]["spec"]
    started = [container["command"] for container in spec["containers"]]
    commands = [command[2:] for command in started if command[0] == "python"]
    assert len(commands) == 1
    parse(commands[0])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_names_in_the_text(page):
    """Dotted paths, check ids and permissions exist."""
    text = page.read_text("utf-8")
    for path in re.findall(r"\bpickyassist_webhooks(?:\.[A-Za-z_]\w*)+", text):
        assert path == TASK or exists(path), path


def exists(path):
    app, *names = path.split(".")
    if re.fullmatch(r"[EW]\d{3}", names[0]):
        return names[0] in (DOCS / "reference.md").read_text("utf-8")
    if names[0] in {name for name, _ in models.WebhookRequest._meta.permissions}:
        return True
    folder = ROOT / app
    while names and (folder / names[0]).is_dir():
        folder /= names.pop(0)
    file = folder / "__init__.py"
    if names and (folder / f"{names[0]}.py").is_file():
        file = folder / f"{names.pop(0)}.py"
    # Not imported: the package of an engine may not be installed.
    tree = ast.parse(file.read_text("utf-8"))
    defined: set[str] = set()
    for node in tree.body:
        defined |= {alias.name for alias in getattr(node, "names", ())}
        defined |= {ast.unparse(target) for target in getattr(node, "targets", ())}
        defined.add(getattr(node, "name", ""))
    return not names or names[0] in defined


def test_missing_names_are_noticed():
    assert exists("pickyassist_webhooks.engines.celery.enqueue")
    assert exists("pickyassist_webhooks.testing")
    assert not exists("pickyassist_webhooks.engines.celery.dequeue")
    assert not exists("pickyassist_webhooks.W999")
    with pytest.raises(CommandError):
        parse(["pickyassist_process", "--for-ever"])
