"""The reference names everything there is, and nothing that is not."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand
from django.db import DatabaseError, connection, migrations
from django.db.migrations.loader import MigrationLoader
from django.db.models import NOT_PROVIDED
from django.test import Client

from pickyassist_webhooks import (
    announce,
    checks,
    choices,
    conf,
    decoding,
    fields,
    models,
    shapes,
    signals,
)
from pickyassist_webhooks import payloads as parsing
from tests.requests import delivery, member, post, row, subscriber, url

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "pickyassist_webhooks"
DOCS = ROOT / "docs"
APP = "pickyassist_webhooks"

#: Of each heading in a page the lines below it.
Sections = dict[str, list[str]]


def sections(page: str) -> Sections:
    found: Sections = {}
    title, is_code = "", False
    for line in (DOCS / page).read_text("utf-8").splitlines():
        is_code ^= line.lstrip().startswith("```")
        if line.startswith("#") and not is_code:
            title = line.lstrip("# ").strip("`")
            found[title] = []
        elif title:
            found[title].append(line)
    return found


def rows(page: str, title: str) -> list[list[str]]:
    """Return the cells of the tables below a heading, their heads left out."""
    lines = sections(page)[title]
    heads = {place - 1 for place, line in enumerate(lines) if re.fullmatch(r"[|:-]+", line)}
    wanted = (
        line
        for place, line in enumerate(lines)
        if line.startswith("|") and place not in heads and place - 1 not in heads
    )
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in wanted]


def codes(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def names(page: str, title: str) -> list[str]:
    return [name for first, *_ in rows(page, title) for name in codes(first)]


def test_settings():
    documented = {
        codes(name)[0]: ast.literal_eval(codes(default)[0])
        for name, default, _ in rows("reference.md", "Settings")
    }
    assert documented == {name: key.default for name, key in conf.KEYS.items()}


def test_checks():
    """Each id, what is an error and what a warning."""
    calls = re.findall(r"_(error|warning)\(\s*(\d+)", Path(checks.__file__).read_text("utf-8"))
    ids = {f"{kind[0].upper()}{int(number):03}" for kind, number in calls} | {"E006", "E007"}
    assert names("reference.md", "System checks") == [f"{APP}.{each}" for each in sorted(ids)]


def test_permissions():
    documented = names("reference.md", "Permissions in the admin")
    ours = [name for model in models_of_the_app() for name, _ in model._meta.permissions]
    assert sorted(documented) == sorted(f"{APP}.{name}" for name in ours)


def test_states():
    assert names("reference.md", "States of a request") == choices.RequestState.values


class TestCodes:
    """Codes of problems and warnings."""

    #: Which argument of a call is a code.
    CALLS = {"Problem": 1, "NotUnderstood": 1, "UnreadablePayload": 0, "_mend": 1, "warn": 1}

    def test_every_code(self):
        documented = names("reference.md", "Codes of problems and warnings")
        assert len(documented) == len(set(documented))
        assert set(documented) == set(self.made()) | {code for _, code, _ in shapes.FOREIGN}

    def made(self) -> Iterator[str]:
        # Fields.missing makes one for whoever calls it.
        for path in PACKAGE.rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if not isinstance(node, ast.Call):
                    continue
                called = getattr(node.func, "attr", getattr(node.func, "id", ""))
                place = self.CALLS.get(called, len(node.args))
                if place < len(node.args) and isinstance(node.args[place], ast.Constant):
                    value = node.args[place].value
                    if isinstance(value, str) and value.isidentifier():
                        yield value

    def test_the_limits(self):
        text = "".join(sections("reference.md")["Codes of problems and warnings"])
        for said, limit in {
            "more than {} levels": decoding.MAX_DEPTH,
            "a body of more than {} characters": decoding._LARGE,
            "one `{{` or `[` in {}": decoding._PER_BRACKET,
            "a comma in {}": decoding._PER_VALUE,
            "more than {} of them": decoding._MAX_VALUES,
            "an id of more than {} characters": fields.MAX_LENGTH,
            "more than {} characters of unknown fields": parsing._MAX_SHARED_EXTRA,
            "a row of more than {} fields": parsing._MAX_NAMES,
            "a text of more than {} characters that has no column": parsing._MAX_EXTRA,
        }.items():
            assert said.format(f"{limit:,}") in text


@pytest.mark.django_db
def test_signals():
    """Each signal sends exactly what the table says, to the letter."""
    sent = {}
    receivers = []
    for name, signal in announce.SIGNALS.items():

        def receiver(sender, signal, name=name, **named):
            sent[name] = (sender.__name__, list(named))

        signal.connect(receiver)
        receivers.append((signal, receiver))
    payloads = [delivery(row()), delivery(event_id=2), member(1), member(2), subscriber(), {}]
    for payload in payloads:
        post(payload)
    for signal, receiver in receivers:
        signal.disconnect(receiver)
    documented = {
        codes(name)[0]: (codes(sender)[0], sorted(re.findall(r"`(\w+)`", keywords)))
        for name, sender, keywords in rows("reference.md", "Signals")
    }
    assert documented == {name: (who, sorted(keys)) for name, (who, keys) in sent.items()}
    assert set(documented) == {
        name for name, signal in vars(signals).items() if isinstance(signal, signals.Signal)
    }


@pytest.mark.django_db(transaction=True)
class TestAnswers:
    """Each answer is given, as the table has it, and no other."""

    def test_every_answer(self, settings, listen, tmp_path):
        documented = []
        for what, _, kept in rows("reference.md", "Answers"):
            status = int(what.split()[0])
            said = json.loads("{" + codes(what)[0] + "}")
            documented.append((status, said, {"yes": 1, "in the spool": 1, "no": 0}[kept]))
        given = list(self.given(settings, listen, tmp_path / "spool"))
        assert sorted(documented, key=repr) == sorted(given, key=repr)

    def given(self, settings, listen, folder):
        """Have each answer given, and tell its status, what it says, and how much was kept."""
        ours = settings.PICKYASSIST_WEBHOOKS
        kept = 0

        def answered(send, refused="", **changed):
            nonlocal kept
            settings.PICKYASSIST_WEBHOOKS = {**ours, **changed}
            with connection.execute_wrapper(refuse(refused)) if refused else nullcontext():
                response = send()
            answer = response.json()
            said = {name: answer[name] for name in ("ok", "state", "error") if name in answer}
            before, kept = kept, models.WebhookRequest.objects.count() + len([*folder.glob("*")])
            return response.status_code, said, kept - before

        yield answered(lambda: post(delivery(row("1"))))
        yield answered(lambda: post({"event_id": 99}))
        yield answered(lambda: post(b"{"))
        yield answered(lambda: post(member(), **{"Content-Encoding": "br"}))
        yield answered(lambda: post(b""))
        yield answered(lambda: post({}, to=url("a-strangers-guess")))
        yield answered(lambda: Client().put(url()))
        yield answered(lambda: post({}), MAX_BODY_BYTES=1)
        yield answered(lambda: post(delivery(row("2"))), PROCESSOR="none")
        yield answered(lambda: post({}), refused="webhookrequest")
        yield answered(lambda: post({}), refused="webhookrequest", SPOOL_DIR=folder)

        def breaks(**named):
            raise ValueError

        listen("delivery_received", breaks)
        yield answered(lambda: post(delivery(row("3"))))
        yield answered(lambda: post(delivery(row("4"))), refused="receiverfailure")
        yield answered(lambda: post(delivery(row("5"))), MAX_ATTEMPTS=1)


def refuse(part):
    """Return a wrapper that has the database refuse statements about a table."""

    def wrapper(execute, sql, params, many, context):
        if part in sql:
            raise DatabaseError("refused by the test")
        return execute(sql, params, many, context)

    return wrapper


def models_of_the_app():
    return list(apps.get_app_config(APP).get_models())


class TestModels:
    """Each model has a section that names its fields, in the order in which they are declared."""

    def test_every_model(self):
        ours = {model.__name__ for model in models_of_the_app()}
        listed = [name for [first, _] in rows("models.md", "Models") for name in codes(first)]
        assert sorted(listed) == sorted(ours)
        assert set(sections("models.md")) == ours | {"Models", "Questions", "Every event"}

    @pytest.mark.parametrize("model", models_of_the_app(), ids=lambda model: model.__name__)
    def test_every_field(self, model):
        documented = names("models.md", model.__name__)
        if issubclass(model, models.Event):
            documented += names("models.md", "Every event")
        assert len(documented) == len(set(documented))
        assert set(documented) == {field.name for field in model._meta.concrete_fields}

    def test_questions(self):
        """Each method of the querysets that people read is there, and no other."""
        said = "".join(answer for _, answer in rows("models.md", "Questions"))
        querysets = {
            parent
            for model in {*models_of_the_app()} - {models.WebhookRequest}
            for parent in type(model.objects.all()).__mro__
            if parent.__module__.startswith(APP)
        }
        there = {name for each in querysets for name in vars(each) if not name.startswith("_")}
        asked = set(re.findall(r"\.(\w+)\(", said)) - {"filter"}
        assert asked == there | {"get_status_display", "reports"}
        assert all(hasattr(models.Message, name) for name in asked - there)


class TestCommands:
    ours = sorted(name for name, app in get_commands().items() if app == APP)

    def test_every_command(self):
        assert sorted(set(sections("commands.md")) - {"Commands"}) == self.ours

    @pytest.mark.parametrize("name", ours)
    def test_every_option(self, name):
        """All of its own, with their defaults where its help tells them."""
        common = {
            option
            for action in BaseCommand().create_parser("manage.py", name)._actions
            for option in action.option_strings
        }
        documented = {
            option.split()[0]: text
            for first, text in rows("commands.md", name)
            for option in codes(first)
        }
        for action in load_command_class(APP, name).create_parser("manage.py", name)._actions:
            for option in action.option_strings or [action.dest]:
                if option in common:
                    continue
                text = documented.pop(option)
                # Who runs it is somebody else each time.
                if "%(default)s" in (action.help or "") and action.dest != "by":
                    assert re.search(rf"default `?{re.escape(str(action.default))}\b", text)
        assert not documented


class TestApi:
    """By the description, which other tests hold to the code."""

    document = json.loads((DOCS / "openapi.json").read_text("utf-8"))
    queries = {
        path.lstrip("/").translate(str.maketrans("{}", "<>")): {
            each["name"]
            for each in operations.get("get", {}).get("parameters", ())
            if each["in"] == "query"
        }
        for path, operations in document["paths"].items()
    }

    def test_every_url(self):
        listed = [first for first, _ in rows("api.md", "The read API")]
        urls = [url for first in listed for url in codes(first)]
        assert sorted(urls) == sorted([*self.queries, "schema/"])

    def test_every_filter(self):
        documented = {
            path: set(codes(filters)) - {"true"}
            for first, filters in rows("api.md", "Filters, order and pages")
            for path in codes(first)
        }
        of_every_list = {"cursor", "ordering", "page_size"}
        there = {path: names - of_every_list for path, names in self.queries.items()}
        assert documented == {path: names for path, names in there.items() if names}
        text = "".join(sections("api.md")["Filters, order and pages"])
        assert all(f"`{name}`" in text for name in of_every_list)


class TestMigrations:
    """What "Upgrade without losing an event" promises of a minor release."""

    #: Those from before the first release, of which nothing was promised.
    BEFORE = {"0001_initial", "0002_inbox", "0003_personal_data", "0004_overview"}

    #: What old code does not notice; columns only if it may leave them out.
    HARMLESS = (
        migrations.CreateModel,
        migrations.AddIndex,
        migrations.AlterModelOptions,
        migrations.AlterModelManagers,
    )

    def test_old_code_works_on_the_tables_of_the_next_release(self):
        loader = MigrationLoader(None)
        breaking = {
            name
            for (app, name), migration in loader.disk_migrations.items()
            if app == APP
            for operation in migration.operations
            if self.breaks(operation)
        }
        assert "0002_inbox" in breaking  # so this finds them
        assert breaking <= self.BEFORE, "see docs/how-to/upgrading.md"

    def breaks(self, operation) -> bool:
        if isinstance(operation, migrations.AddField):
            field = operation.field
            may_be_left_out = field.null or field.db_default is not NOT_PROVIDED
            return not (may_be_left_out or field.many_to_many)
        return not isinstance(operation, self.HARMLESS)


def test_channels_of_the_vendor():
    documented = {codes(key)[0]: name for key, name in rows("vendor.md", "Channels")}
    assert documented == {key: str(name) for key, name in choices.CHANNELS.items()}


def test_loggers():
    """Each module that writes to the log is listed by its name."""
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in PACKAGE.rglob("*.py")
        if "getLogger(__name__)" in path.read_text("utf-8")
    }
    documented = names("how-to/monitoring.md", "In the log")
    assert sorted(documented) == sorted(modules)
    assert all(hasattr(import_module(name), "logger") for name in documented)
