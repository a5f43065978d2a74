"""All that projects may rely on, as it is in the code: what ``docs/public.md`` lists."""

from __future__ import annotations

import ast
import hashlib
import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand

from pickyassist_webhooks import choices, conf, testing, urls
from pickyassist_webhooks.models import MODELS, Message, ReceiverFailure, WebhookRequest
from pickyassist_webhooks.testing import plugin

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "public.md"
CHANGELOG = ROOT / "CHANGELOG.md"
#: What stands above is written by hand.
MARK = "<!-- python -m tests.accept_public -->\n"

#: What the docs tell people to ask models for. All else of them is the app's own.
QUESTIONS = {
    "DeliveryReport": ["objects.in_order"],
    "FilterReport": ["objects.in_order", "objects.verdicts"],
    "GroupMemberEvent": ["objects.in_order", "objects.members_of"],
    "NewSubscriber": ["objects.in_order", "objects.current"],
    "Message": ["objects.for_reference", "objects.in_conflict", "reports", "conflict"],
}
#: Columns for the app alone, as docs/models.md says of each.
OWN_COLUMNS = ("arrival", "ordinal", "last_arrival", "claimed_by", "problem")
#: What the docs tell people to import, or to name by its dotted path.
IMPORTED = (
    "asgi.finishing",
    "authentication.secret_in_url",
    "engines.celery.enqueue",
    "engines.django_tasks.enqueue",
    "ingest.process",
    "secrecy.HideSecrets",
)


def surface() -> dict[str, list[str]]:
    """Return the lines of each section of the page."""
    return {
        "Settings": [f"`{name}`: by default `{key.default!r}`" for name, key in conf.KEYS.items()],
        "Signals": list(_signals()),
        "Models": list(_models()),
        "Codes": [
            f"`{enum.__name__}`: {_ticked([f'{one.name} = {one.value}' for one in enum])}"
            for enum in vars(choices).values()
            if isinstance(enum, type) and enum.__module__ == choices.__name__
        ],
        "Commands": list(_commands()),
        "URLs": list(_urls()),
        "Permissions": [f"`{name}`" for name, _ in WebhookRequest._meta.permissions],
        "Toolkit for tests": list(_toolkit()),
        "Read API": list(_api()),
        "Dotted paths": [
            f"`{apps.get_app_config('pickyassist_webhooks').name}.{path}{_called(path)}`"
            for path in IMPORTED
        ],
    }


def page() -> str:
    sections = [
        f"\n## {title}\n\n" + "".join(f"* {line}\n" for line in lines)
        for title, lines in surface().items()
    ]
    return "".join(sections)


def digest() -> str:
    """Return what the changelog says of the surface that its latest changes led to."""
    return hashlib.sha256(page().encode()).hexdigest()[:12]


def names() -> list[str]:
    """Return the names that the changelog must have told of at some time."""
    sections = surface()
    return [
        re.findall(r"`([\w/]+)", line)[0]
        for title in ("Settings", "Signals", "Models", "Commands", "Permissions")
        for line in sections[title]
    ] + [*testing.__all__, *_fixtures()]


def _signals() -> Iterator[str]:
    """Yield them as the reference has them, which a test holds to what is really sent."""
    reference = (ROOT / "docs/reference.md").read_text("utf-8")
    table = reference.partition("## Signals\n")[2].partition("\n## ")[0]
    for signal, sender, keywords in re.findall(r"^\| (`\w+`) \| (`\w+`) \| (.*) \|$", table, re.M):
        yield f"{signal} from {sender}: {keywords.partition(' (')[0]}"


def _models() -> Iterator[str]:
    for model in (WebhookRequest, *MODELS.values(), Message, ReceiverFailure):
        fields = [field for field in model._meta.get_fields() if not field.auto_created]
        columns = [_column(field) for field in fields if field.name not in OWN_COLUMNS]
        yield f"`{model.__name__}`: {', '.join(columns)}"
        for path in QUESTIONS.get(model.__name__, ()):
            found: Any = model
            for name in path.split("."):
                found = getattr(found, name)
            yield f"`{model.__name__}.{path}{_signature(found)}`"


def _column(field: Any) -> str:
    longest = getattr(field, "max_length", None)
    return f"`{field.name}` ({longest})" if longest else f"`{field.name}`"


def _commands() -> Iterator[str]:
    django = BaseCommand().create_parser("", "")
    theirs = {option for action in django._actions for option in action.option_strings}
    for name, app in sorted(get_commands().items()):
        if app == "pickyassist_webhooks":
            parser = load_command_class(app, name).create_parser("", name)
            ours = [each for each in parser._actions if not theirs & {*each.option_strings}]
            yield f"`{name}`: {_ticked(map(_option, ours))}"


def _option(action: Any) -> str:
    """Return an option as it is typed: what may be left out in brackets, with its default."""
    name = " ".join(action.option_strings) or action.dest
    if action.option_strings and action.nargs != 0:
        name += f" {'|'.join(action.choices) if action.choices else action.metavar or 'VALUE'}"
    # Who asks is another one on each machine.
    if action.default and action.dest not in ("by", "interactive"):
        name += f"={action.default}"
    # Not by ``required`` alone, which means other things for arguments in other Pythons.
    return name if action.required and action.nargs not in ("?", "*") else f"[{name}]"


def _urls() -> Iterator[str]:
    for pattern in urls.urlpatterns:
        if pattern.name:
            yield f"`{urls.app_name}:{pattern.name}`: `{pattern.pattern}`"
    # Not imported: where the read API's packages are not installed, all else is public still.
    source = (ROOT / "pickyassist_webhooks/api/urls.py").read_text("utf-8")
    [app] = re.findall(r'app_name = "(\w+)"', source)
    for prefix, name in re.findall(r'router.register\("([\w-]+)", .*, "([\w-]+)"\)', source):
        yield f"`{app}:{name}-list`, `{app}:{name}-detail`: `{prefix}/`"
    for path, name in re.findall(r'path\("(.+)", .*, name="([\w-]+)"\)', source):
        yield f"`{app}:{name}`: `{path}`"


def _toolkit() -> Iterator[str]:
    for name in testing.__all__:
        found = getattr(testing, name)
        yield f"`{name}{_signature(found)}`"
        if inspect.isclass(found):
            for member in dict.fromkeys([*found.__annotations__, *vars(found)]):
                if not member.startswith("_") and member != "setUp":
                    yield f"`{name}.{member}{_signature(vars(found).get(member))}`"
    yield f"fixtures of `pickyassist_webhooks.testing.plugin`: {_ticked(_fixtures())}"


def _fixtures() -> list[str]:
    kind = type(pytest.fixture(lambda: None))
    return [name for name, found in vars(plugin).items() if isinstance(found, kind)]


def _api() -> Iterator[str]:
    """Yield what the description says, which a test holds to what the API does."""
    description = json.loads((ROOT / "docs/openapi.json").read_text("utf-8"))
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            parameters = [each["name"] for each in operation.get("parameters", ())]
            yield f"`{method.upper()} {path}`: {_ticked(parameters)}".removesuffix(": ")
    for name, schema in description["components"]["schemas"].items():
        if fields := schema.get("properties"):
            yield f"`{name}`: {_ticked(fields)}"


def _called(path: str) -> str:
    """Return the parameters of a function as its source has them: engines may not be installed."""
    module, _, name = path.rpartition(".")
    source = (ROOT / "pickyassist_webhooks" / f"{module.replace('.', '/')}.py").read_text("utf-8")
    [found] = [each for each in ast.parse(source).body if getattr(each, "name", "") == name]
    if not isinstance(found, ast.FunctionDef):
        return ""
    return f"({', '.join(each.arg for each in found.args.args)})"


def _signature(found: Any) -> str:
    """Return the parameters of what can be called, as names and defaults."""
    if not inspect.isroutine(found):
        return ""
    parameters = inspect.signature(found).parameters.values()
    bare = [each.replace(annotation=inspect.Parameter.empty) for each in parameters]
    return str(inspect.Signature([each for each in bare if each.name != "self"]))


def _ticked(words: Any) -> str:
    return ", ".join(f"`{word}`" for word in words)
