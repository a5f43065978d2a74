"""The reference is complete, and has no name that does not exist."""

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

from pickyassist_webhooks import alarms, choices, conf, models, signals
from pickyassist_webhooks.health.levels import Condition
from pickyassist_webhooks.health.reports import CONDITIONS
from pickyassist_webhooks.inbox import announce
from pickyassist_webhooks.insights import error_codes
from pickyassist_webhooks.models.leases import LeasedQuerySet
from pickyassist_webhooks.parsing import decoding, event_types, forms, literals, multipart, values
from pickyassist_webhooks.parsing import payloads as parsing
from tests.requests import chat, delivery, member, post, row, subscriber, url

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "pickyassist_webhooks"
DOCS = ROOT / "docs"
APP = "pickyassist_webhooks"

#: The lines below each heading of a page.
Sections = dict[str, list[str]]


def sections(page: str) -> Sections:
    lines_of: Sections = {}
    title, is_code = "", False
    for line in (DOCS / page).read_text("utf-8").splitlines():
        is_code ^= line.lstrip().startswith("```")
        if line.startswith("#") and not is_code:
            title = line.lstrip("# ").strip("`")
            lines_of[title] = []
        elif title:
            lines_of[title].append(line)
    return lines_of


def rows(page: str, title: str) -> list[list[str]]:
    """Return the cells of the tables below a heading, without the header rows."""
    lines = sections(page)[title]
    heads = {index - 1 for index, line in enumerate(lines) if re.fullmatch(r"[|:-]+", line)}
    wanted = (
        line
        for index, line in enumerate(lines)
        if line.startswith("|") and index not in heads and index - 1 not in heads
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
    """Each id is documented, as an error, a warning or a note."""
    source = "".join(path.read_text("utf-8") for path in (PACKAGE / "checks").glob("*.py"))
    calls = re.findall(r"\b(error|warning|info)\(\s*(\d+)", source)
    ids = {f"{kind[0].upper()}{int(number):03}" for kind, number in calls}
    ids |= {"E006", "E007", "E011", "E014", "E016"}
    assert names("reference.md", "System checks") == sorted(ids)


def test_permissions():
    documented = names("reference.md", "Permissions in the admin")
    defined = [name for model in models_of_the_app() for name, _ in model._meta.permissions]
    assert sorted(documented) == sorted(f"{APP}.{name}" for name in defined)


def test_states():
    assert names("reference.md", "States of a request") == choices.RequestState.values


class TestCodes:
    """Codes of problems and warnings."""

    #: The position of the code among the arguments of a call.
    CALLS = {"Problem": 1, "InvalidPayload": 1, "UnreadablePayload": 0, "warn": 1}

    def test_every_code(self):
        documented = names("reference.md", "Codes of problems and warnings")
        assert len(documented) == len(set(documented))
        assert set(documented) == set(self.made()) | {code for _, code, _ in event_types.FOREIGN}

    def made(self) -> Iterator[str]:
        # FieldReader.missing makes one for its caller.
        for path in PACKAGE.rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if not isinstance(node, ast.Call):
                    continue
                called = getattr(node.func, "attr", getattr(node.func, "id", ""))
                position = self.CALLS.get(called, len(node.args))
                if position < len(node.args) and isinstance(node.args[position], ast.Constant):
                    value = node.args[position].value
                    if isinstance(value, str) and value.isidentifier():
                        yield value

    def test_the_limits(self):
        text = "".join(sections("reference.md")["Codes of problems and warnings"])
        for template, limit in {
            "more than {} levels": decoding.MAX_DEPTH,
            "a body of more than {} characters": decoding._LARGE,
            "one `{{` or `[` for each {}": decoding._PER_BRACKET,
            "or `,` for each {}": decoding._PER_VALUE,
            "more than {} of these": decoding._MAX_VALUES,
            "stand for more than {} digits": literals._MAX_ZEROS,
            "a batch of more than {} rows": parsing.MAX_ROWS,
            "a form of more than {} fields": forms._MAX_FIELDS,
            "with more than {} characters of headers": multipart._MAX_HEAD,
            "({} for all rows together)": parsing._MAX_SHARED_EXTRAS,
            "an id of more than {} characters": values.MAX_LENGTH,
            "unknown fields next to `data` of more than {} characters": parsing._MAX_SHARED_EXTRA,
            "a row of more than {} fields": parsing._MAX_NAMES,
            "a text, location or list of more than {} characters": values.MAX_JSON,
        }.items():
            assert template.format(f"{limit:,}") in text


@pytest.mark.django_db
def test_signals():
    """Each signal sends exactly the documented keywords."""
    sent = {}
    receivers = []
    for name, signal in announce.SIGNALS.items():

        def receiver(sender, signal, name=name, **named):
            sent[name] = (sender.__name__, list(named))

        signal.connect(receiver)
        receivers.append((signal, receiver))
    payloads = [delivery(row()), delivery(event_id=2), member(1), member(2), subscriber(), {}]
    payloads += [chat("1"), chat("2", direction=1)]
    for payload in payloads:
        post(payload)
    for signal, receiver in receivers:
        signal.disconnect(receiver)
    documented = {
        codes(name)[0]: (codes(sender)[0], sorted(re.findall(r"`(\w+)`", keywords)))
        for name, sender, keywords in rows("reference.md", "Signals")
    }
    assert documented == {name: (sender, sorted(keys)) for name, (sender, keys) in sent.items()}
    assert set(documented) == {
        name for name, signal in vars(signals).items() if isinstance(signal, signals.Signal)
    }


@pytest.mark.django_db(transaction=True)
class TestAnswers:
    """Exactly the documented answers are given."""

    def test_every_answer(self, settings, listen, tmp_path):
        documented = []
        for description, _, kept in rows("reference.md", "Answers"):
            status = int(description.split()[0])
            body = json.loads("{" + codes(description)[0] + "}")
            documented.append((status, body, {"yes": 1, "in the spool": 1, "no": 0}[kept]))
        given = list(self.given(settings, listen, tmp_path / "spool"))
        assert sorted(documented, key=repr) == sorted(given, key=repr)

    def given(self, settings, listen, folder):
        """Yield each answer: its status, its body, and the number of requests stored."""
        usual = settings.PICKYASSIST_WEBHOOKS
        kept = 0

        def answered(send, refused="", **changed):
            nonlocal kept
            settings.PICKYASSIST_WEBHOOKS = {**usual, **changed}
            with connection.execute_wrapper(refuse(refused)) if refused else nullcontext():
                response = send()
            answer = response.json()
            body = {name: answer[name] for name in ("ok", "state", "error") if name in answer}
            before, kept = kept, models.WebhookRequest.objects.count() + len([*folder.glob("*")])
            return response.status_code, body, kept - before

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


@pytest.mark.django_db
def test_alarms():
    """The signals of alarms send exactly the documented keywords."""
    sent = {}

    def receiver(sender, signal, **named):
        sent[signal] = (str(sender), sorted(named))

    alarms_of = {name: getattr(signals, name) for name in ("alarm_raised", "alarm_cleared")}
    for signal in alarms_of.values():
        signal.connect(receiver)
    try:
        for level in (choices.Level.DEGRADED, choices.Level.OK):
            stored = models.Alarm.objects.filter(condition="waiting").first()
            alarms._notice(Condition("waiting", level, "."), stored)
    finally:
        for signal in alarms_of.values():
            signal.disconnect(receiver)
    documented = {
        codes(name)[0]: (codes(sender)[0], sorted(re.findall(r"`(\w+)`", keywords)))
        for name, sender, keywords in rows("reference.md", "Alarms")
    }
    assert documented == {name: sent[signal] for name, signal in alarms_of.items()}


def test_conditions():
    assert names("how-to/monitoring.md", "Conditions") == ["database", *CONDITIONS]


def refuse(part):
    """Return a wrapper that makes statements about a table fail."""

    def wrapper(execute, sql, params, many, context):
        if part in sql:
            raise DatabaseError("refused by the test")
        return execute(sql, params, many, context)

    return wrapper


def models_of_the_app():
    return list(apps.get_app_config(APP).get_models())


class TestModels:
    """Each model has a section that lists its fields."""

    def test_every_model(self):
        defined = {model.__name__ for model in models_of_the_app()}
        listed = [name for [first, _] in rows("models.md", "Models") for name in codes(first)]
        assert sorted(listed) == sorted(defined)
        assert set(sections("models.md")) == defined | {"Models", "Questions", "Every event"}

    @pytest.mark.parametrize("model", models_of_the_app(), ids=lambda model: model.__name__)
    def test_every_field(self, model):
        documented = names("models.md", model.__name__)
        if issubclass(model, models.Event):
            documented += names("models.md", "Every event")
        assert len(documented) == len(set(documented))
        assert set(documented) == {field.name for field in model._meta.concrete_fields}

    def test_questions(self):
        """Exactly the public methods of the querysets are documented."""
        answers = "".join(answer for _, answer in rows("models.md", "Questions"))
        querysets = {
            parent
            for model in {*models_of_the_app()} - {models.WebhookRequest, models.ReceiverFailure}
            for parent in type(model.objects.all()).__mro__
            if parent.__module__.startswith(APP)
        }
        there = {
            name for queryset in querysets for name in vars(queryset) if not name.startswith("_")
        }
        there -= {*vars(LeasedQuerySet)}  # for workers
        asked = set(re.findall(r"\.(\w+)\(", answers)) - {"filter"}
        assert asked == there | {"get_status_display", "messages", "replies", "reports"}
        assert hasattr(models.Push, "messages")
        assert all(hasattr(models.Message, name) for name in asked - there - {"messages"})


class TestCommands:
    commands = sorted(name for name, app in get_commands().items() if app == APP)

    def test_every_command(self):
        assert sorted(set(sections("commands.md")) - {"Commands"}) == self.commands

    @pytest.mark.parametrize("name", commands)
    def test_every_option(self, name):
        """All own options are documented, with the defaults that the help shows."""
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
                # The default of --by is the current user.
                if "%(default)s" in (action.help or "") and action.dest != "by":
                    assert re.search(rf"default `?{re.escape(str(action.default))}\b", text)
        assert not documented


class TestApi:
    """Compares with the OpenAPI document, which other tests compare with the code."""

    document = json.loads((DOCS / "openapi.json").read_text("utf-8"))
    queries = {
        path.lstrip("/").translate(str.maketrans("{}", "<>")): {
            parameter["name"]
            for parameter in operations.get("get", {}).get("parameters", ())
            if parameter["in"] == "query"
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
    """The promises of "Upgrade without losing an event" for a minor release."""

    #: Migrations from before the first release, without any promise.
    BEFORE = {
        "0001_initial",
        "0002_inbox",
        "0003_personal_data",
        "0004_overview",
        "0005_newest_of_member",
        "0006_instants",
        "0007_character_sets",
        "0008_number_keys",
        "0009_crash_count",
        "0010_heartbeat",
        "0011_calls",
        "0012_pushes",
        "0014_chat_messages",
        "0016_fill_errors",
        "0018_countries",
        "0020_fill_exceptions",
        "0021_tests",
        "0022_fill_countries",
    }

    #: Operations that old code does not notice; also AddField if it can omit the column.
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
        assert "0002_inbox" in breaking  # so the test notices such migrations
        assert breaking <= self.BEFORE, "see docs/how-to/upgrading.md"

    def breaks(self, operation) -> bool:
        if isinstance(operation, migrations.AddField):
            field = operation.field
            is_optional = field.null or field.db_default is not NOT_PROVIDED
            return not (is_optional or field.many_to_many)
        return not isinstance(operation, self.HARMLESS)


def test_channels_of_the_vendor():
    documented = {codes(key)[0]: name for key, name in rows("vendor.md", "Channels")}
    assert documented == {key: str(name) for key, name in choices.CHANNELS.items()}


def test_known_error_codes():
    """Each code that the pages explain is listed, with the same words."""
    documented = {
        codes(key)[0]: f"{text} ({source})"
        for source, title in (("Meta", "Meta's error codes"), ("Picky Assist", "Error codes"))
        for key, text in rows("vendor.md", title)
    }
    assert documented == {code: error_codes.explained(code) for code in error_codes.CODES}


def test_loggers():
    """Each module that logs is listed by name."""
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in PACKAGE.rglob("*.py")
        if "getLogger(__name__)" in path.read_text("utf-8")
    }
    documented = names("how-to/monitoring.md", "In the log")
    assert sorted(documented) == sorted(modules)
    assert all(hasattr(import_module(name), "logger") for name in documented)
