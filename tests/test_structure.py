"""What holds the house together: layers, one thing of each for every kind, migrations."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.contrib import admin
from django.core.management import call_command
from django.db import models as db

from pickyassist_webhooks import announce, choices, models, shapes
from pickyassist_webhooks.api import serializers
from pickyassist_webhooks.payloads import parse

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "pickyassist_webhooks"

# A module imports from the layers above its own line and never from its own or those below it.
LAYERS = [
    {"exceptions", "choices", "signals", "keys", "characters", "transactions", "permissions"},
    {"masking"},
    {"conf", "decoding", "export", "tables"},
    {"fields", "secrecy", "numbers"},
    {"shapes"},
    {"authentication", "payloads", "models"},
    {"store", "announce", "spool", "leases"},
    {"worker"},
    {"ingest"},
    {"sweep", "retention", "overview", "quarantine"},
    {"erasure", "testing"},
    {"views", "admin", "api", "checks", "engines", "management"},
    {"urls", "apps", "tasks", "asgi", "templatetags"},
]


def layer_of(module):
    [level] = [level for level, modules in enumerate(LAYERS) if module in modules]
    return level


def imports_of(path):
    """Yield the modules of the package that a file imports, by the name of their noun."""
    depth = len(path.relative_to(PACKAGE).parts)
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level == depth:
            names = [node.module] if node.module else [alias.name for alias in node.names]
            yield from (name.partition(".")[0] for name in names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PACKAGE.name):
            raise AssertionError(f"{path} imports its own package by its full name")


MODULES = sorted(path for path in PACKAGE.rglob("*.py") if "migrations" not in path.parts)


@pytest.mark.parametrize("path", MODULES, ids=[str(p.relative_to(PACKAGE)) for p in MODULES])
def test_layers(path):
    noun = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if noun == "__init__":
        assert re.fullmatch(r'__version__ = "[0-9.]+"\n', path.read_text("utf-8"))
        return
    for imported in imports_of(path):
        if imported != noun:
            assert layer_of(imported) < layer_of(noun), f"{noun} imports {imported}"


@pytest.mark.parametrize("path", MODULES, ids=[str(p.relative_to(PACKAGE)) for p in MODULES])
def test_no_module_is_too_long_to_read(path):
    assert len(path.read_text("utf-8").splitlines()) <= 300


def test_payloads_are_read_without_settings():
    code = "from pickyassist_webhooks.payloads import parse; print(parse(b'{}').problems)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False, env={}
    )
    assert "missing" in done.stdout, done.stderr


@pytest.mark.parametrize("kind", choices.EventKind)
def test_nothing_is_forgotten_for_a_kind(kind):
    """Each kind has a shape, a model with keys, a signal, an admin page and a sample."""
    model = models.MODELS[kind]
    assert model.kind == kind
    [shape] = [shape for shape in shapes.SHAPES if shape.kind == kind]
    ours = {ours for ours, _ in shape.fields.values()}
    columns = {field.name for field in model._meta.get_fields() if not field.is_relation}
    assert ours <= columns
    assert set(model.fillable) <= ours
    assert model.natural_key is not models.Event.natural_key
    assert announce.SIGNALS_OF_KIND[kind]
    assert model in admin.site._registry
    assert serializers.EVENTS[kind].Meta.model is model
    assert ours <= {*serializers.EVENTS[kind].Meta.fields}
    payload = parse((ROOT / "tests/payloads/golden" / f"{kind}.json").read_bytes())
    assert payload.kind == kind
    assert payload.events
    with pytest.raises(NotImplementedError):
        models.Event.natural_key(None)


def test_every_kind_there_is():
    assert set(models.MODELS) == set(choices.EventKind)
    assert {name for names in announce.SIGNALS_OF_KIND.values() for name in names} | {
        "webhook_quarantined"
    } == set(announce.SIGNALS)


def test_every_text_of_an_identity_tells_case_apart():
    """On MariaDB a plain text column would take ``A1`` and ``a1`` for equal."""
    for model in models.MODELS.values():
        for name in ("project_id", "number", "channel", "key"):
            field = model._meta.get_field(name) if name != "channel" else None
            assert field is None or type(field) is not db.CharField


@pytest.mark.django_db
def test_one_set_of_migrations_for_every_version():
    call_command("makemigrations", check=True, dry_run=True, stdout=StringIO())


def test_samples_are_valid_json():
    for line in (ROOT / "tests/payloads/open-cases.jsonl").read_text("utf-8").splitlines():
        assert json.loads(line)["name"]


def test_the_figures_of_the_fault_suite():
    """What the docs say of them: of what was acknowledged nothing was lost, and all was heard."""
    document = json.loads((ROOT / "tests/faults/figures.json").read_text("utf-8"))
    assert document["form"] == "long"
    assert re.fullmatch("[0-9a-f]{40}", document["commit"])
    figures = document["figures"]
    assert {row["database"] for row in figures} == {"sqlite", "postgres", "mariadb"}
    assert len({row["fault"] for row in figures}) >= 20
    for row in figures:
        assert row["acknowledged"] <= row["stored"] <= row["sent"]
        assert row["lost"] == row["twice"] == row["signals_missing"] == row["server_errors"] == 0
