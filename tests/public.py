"""All names that projects may rely on, from the code.

``docs/public.md`` lists those that no other page lists; ``tests/test_reference.py`` compares the
other pages with the code.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.management import get_commands

from pickyassist_webhooks import conf, testing, urls
from pickyassist_webhooks.health import urls as health_urls
from pickyassist_webhooks.inbox import announce
from pickyassist_webhooks.models import (
    MODELS,
    Alarm,
    EventStream,
    Message,
    Push,
    ReceiverFailure,
    RefusalCount,
    WebhookRequest,
)
from pickyassist_webhooks.testing import plugin

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "public.md"
CHANGELOG = ROOT / "CHANGELOG.md"
#: The text above this mark is written by hand.
MARK = "<!-- python -m tests.accept_public -->\n"

#: The documented dotted paths, to import or to name in settings.
IMPORTED = (
    "alarms.mail_admins",
    "asgi.finishing",
    "authentication.secret_in_url",
    "engines.celery.enqueue",
    "engines.django_tasks.enqueue",
    "exceptions.PushRefused",
    "pushes.arecord_push",
    "pushes.record_push",
    "health.report",
    "health.django_health_check.PickyAssistWebhooks",
    "ingest.process",
    "metrics.WebhookCollector",
    "redaction.HideSecrets",
)


def surface() -> dict[str, list[str]]:
    """Return the lines of each section of the page."""
    return {
        "URLs": list(_urls()),
        "Toolkit for tests": list(_toolkit()),
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


def names() -> list[str]:
    """Return the names that the changelog must mention."""
    commands = [name for name, app in get_commands().items() if app == "pickyassist_webhooks"]
    permissions = [name for name, _ in WebhookRequest._meta.permissions]
    models = [
        model.__name__
        for model in (
            *(WebhookRequest, *MODELS.values(), Message, Push, ReceiverFailure),
            *(Alarm, EventStream, RefusalCount),
        )
    ]
    rows = [*models, *commands, *permissions]
    alarms = ("alarm_raised", "alarm_cleared")
    return [*conf.KEYS, *announce.SIGNALS, *alarms, *rows, *testing.__all__, *_fixtures()]


def _urls() -> Iterator[str]:
    for pattern in urls.urlpatterns:
        if pattern.name:
            yield f"`{urls.app_name}:{pattern.name}`: `{pattern.pattern}`"
    for pattern in health_urls.urlpatterns:
        yield f"`{health_urls.app_name}:{pattern.name}`: `{pattern.pattern}`"
    # Not imported, so that this works without the packages of the read API.
    source = (ROOT / "pickyassist_webhooks/api/urls.py").read_text("utf-8")
    [app] = re.findall(r'app_name = "(\w+)"', source)
    for prefix, name in re.findall(r'router.register\("([\w-]+)", .*, "([\w-]+)"\)', source):
        yield f"`{app}:{name}-list`, `{app}:{name}-detail`: `{prefix}/`"
    for path, name in re.findall(r'path\(\s*"(.+)",\s*.*,\s*name="([\w-]+)"', source):
        yield f"`{app}:{name}`: `{path}`"


def _toolkit() -> Iterator[str]:
    for name in testing.__all__:
        item = getattr(testing, name)
        yield f"`{name}{_signature(item)}`"
        if inspect.isclass(item):
            for member in dict.fromkeys([*item.__annotations__, *vars(item)]):
                if not member.startswith("_") and member != "setUp":
                    yield f"`{name}.{member}{_signature(vars(item).get(member))}`"
    yield f"fixtures of `pickyassist_webhooks.testing.plugin`: {_ticked(_fixtures())}"


def _fixtures() -> list[str]:
    kind = type(pytest.fixture(lambda: None))
    return [name for name, item in vars(plugin).items() if isinstance(item, kind)]


def _called(path: str) -> str:
    """Return the parameters of a function from its source: engines may not be installed."""
    module, _, name = path.rpartition(".")
    file = (ROOT / "pickyassist_webhooks").joinpath(*module.split(".")).with_suffix(".py")
    if not file.exists():  # a class that a package imports from one of its modules
        return ""
    source = file.read_text("utf-8")
    [node] = [
        statement for statement in ast.parse(source).body if getattr(statement, "name", "") == name
    ]
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return ""
    named = ["*", *node.args.kwonlyargs] if node.args.kwonlyargs else []
    return f"({', '.join(getattr(each, 'arg', '*') for each in [*node.args.args, *named])})"


def _signature(item: Any) -> str:
    """Return the names and defaults of a routine's parameters."""
    if not inspect.isroutine(item):
        return ""
    parameters = inspect.signature(item).parameters.values()
    bare = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in parameters]
    return str(inspect.Signature([parameter for parameter in bare if parameter.name != "self"]))


def _ticked(words: Any) -> str:
    return ", ".join(f"`{word}`" for word in words)
