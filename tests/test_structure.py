"""The structure of the package: layers, complete event kinds, migrations."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from io import StringIO
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib import admin
from django.core.management import call_command
from django.db import models as db

from pickyassist_webhooks import choices, models
from pickyassist_webhooks.api import serializers
from pickyassist_webhooks.inbox import announce
from pickyassist_webhooks.models.columns import UnicodeCharField, UnicodeTextField
from pickyassist_webhooks.parsing import event_types
from pickyassist_webhooks.parsing.payloads import parse

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "pickyassist_webhooks"

#: The rooms of the package: its top-level modules and packages. A room imports only from lines
#: above its own line, never from its own line or one below.
FLOORS = [
    {"choices", "exceptions", "permissions", "signals", "transactions"},
    {"body", "parsing", "tracing"},
    {"conf", "models"},
    {"bulk", "checks", "redaction"},
    {"inbox", "insights"},
    {"apps", "authentication", "health", "ingest", "pushes", "testing"},
    {"alarms", "api", "engines", "metrics", "privacy", "reconcile", "views"},
    {"admin", "asgi", "management", "tasks", "urls"},
    {"templatetags"},
]


def floor_of(room):
    [floor] = [floor for floor, rooms in enumerate(FLOORS) if room in rooms]
    return floor


def module_of(path):
    """Return the module name of a file below the package, such as ``models.events``."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


def imports_of(path):
    """Yield the names of the package's modules that a file imports."""
    folder = path.relative_to(PACKAGE).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.ImportFrom):
            continue
        assert not (node.module or "").startswith(PACKAGE.name), "a relative import is shorter"
        if node.level:
            base = [*folder[: len(folder) + 1 - node.level], *filter(None, [node.module])]
            for alias in node.names:
                module = ".".join([*base, alias.name])
                yield module if module in NAMES else ".".join(base)


MODULES = sorted(
    path for path in PACKAGE.rglob("*.py") if path.parent.name not in ("migrations", "commands")
)


NAMES = {module_of(path) for path in MODULES}


@pytest.mark.parametrize("path", MODULES, ids=map(module_of, MODULES))
def test_imports_run_down(path):
    room = module_of(path).partition(".")[0]
    if room == "__init__":
        assert re.fullmatch(r'__version__ = "[0-9.]+"\n', path.read_text("utf-8"))
        return
    for imported in imports_of(path):
        other = imported.partition(".")[0]
        if other != room:
            assert floor_of(other) < floor_of(room), f"{room} imports {imported}"


def test_no_circular_imports():
    graph = {module_of(path): set(imports_of(path)) - {module_of(path)} for path in MODULES}
    tuple(TopologicalSorter(graph).static_order())  # raises CycleError


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*/__init__.py")), ids=module_of)
def test_each_room_has_a_docstring(path):
    if path.parent.name not in ("migrations", "commands"):
        first = (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").partition("\n")[0]
        assert first.endswith(".")


@pytest.mark.parametrize("path", MODULES, ids=map(module_of, MODULES))
def test_no_module_is_longer_than_300_lines(path):
    assert len(path.read_text("utf-8").splitlines()) <= 300


def test_payloads_are_parsed_without_settings():
    code = "from pickyassist_webhooks.parsing.payloads import parse; print(parse(b'{}').problems)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False, env={}
    )
    assert "missing" in done.stdout, done.stderr


@pytest.mark.parametrize("kind", choices.EventKind)
def test_each_kind_is_complete(kind):
    """Each kind has an event type, a model with keys, a signal, an admin page and a sample."""
    model = models.MODELS[kind]
    assert model.kind == kind
    [event_type] = [each for each in event_types.EVENT_TYPES if each.kind == kind]
    names = {name for name, _ in event_type.fields.values()}
    columns = {field.name for field in model._meta.get_fields() if not field.is_relation}
    assert names <= columns
    derived = {"group_subject", "reply_description"}  # parts of other fields
    assert set(model.fillable()) <= names | derived
    assert model.natural_key is not models.Event.natural_key
    assert announce.SIGNALS_OF_KIND[kind]
    sections = admin.site._registry[model].sections(None)
    assert names <= {name for _title, shown in sections for name in shown}
    assert serializers.EVENTS[kind].Meta.model is model
    assert names <= {*serializers.EVENTS[kind].Meta.fields}
    payload = parse((ROOT / "tests/payloads/golden" / f"{kind}.json").read_bytes())
    assert payload.kind == kind
    assert payload.events
    with pytest.raises(NotImplementedError):
        models.Event.natural_key(None)


def test_all_kinds_have_models_and_signals():
    assert set(models.MODELS) == set(choices.EventKind)
    assert {name for names in announce.SIGNALS_OF_KIND.values() for name in names} | {
        "webhook_quarantined"
    } == set(announce.SIGNALS)


def test_every_text_takes_all_characters_and_is_case_sensitive():
    """On MariaDB a plain text column has the character set of the database, such as latin1."""
    for model in apps.get_app_config("pickyassist_webhooks").get_models():
        for field in model._meta.concrete_fields:
            if isinstance(field, db.CharField | db.TextField):
                assert isinstance(field, UnicodeCharField | UnicodeTextField), field


@pytest.mark.django_db
def test_one_set_of_migrations_for_every_version():
    call_command("makemigrations", check=True, dry_run=True, stdout=StringIO())


def test_samples_are_valid_json():
    for line in (ROOT / "tests/payloads/open-cases.jsonl").read_text("utf-8").splitlines():
        assert json.loads(line)["name"]


def test_the_figures_of_the_fault_suite():
    """As the docs say: no acknowledged event was lost, and no signal is missing."""
    document = json.loads((ROOT / "tests/faults/figures.json").read_text("utf-8"))
    assert document["form"] == "long"
    assert re.fullmatch("[0-9a-f]{40}", document["commit"])
    figures = document["figures"]
    assert {row["database"] for row in figures} == {"sqlite", "postgres", "mariadb"}
    assert len({row["fault"] for row in figures}) >= 20
    for row in figures:
        assert row["acknowledged"] <= row["stored"] <= row["sent"]
        assert row["lost"] == row["twice"] == row["signals_missing"] == row["server_errors"] == 0


TESTS = sorted((ROOT / "tests").rglob("*.py"))


@pytest.mark.parametrize("path", TESTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_test_module_is_imported(path):
    assert not re.search(r"^ *(from|import) tests\.(\w+\.)*test_", path.read_text("utf-8"), re.M)
