"""The OpenAPI document: valid, in agreement with the API, and the same for every project."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.contrib.staticfiles import finders
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from django.urls import reverse
from django.utils import translation
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.settings import spectacular_settings
from drf_spectacular.validation import validate_schema
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import AllowAny
from rest_framework.throttling import UserRateThrottle

from pickyassist_webhooks.api import document as openapi
from pickyassist_webhooks.api import examples, views, webhooks
from pickyassist_webhooks.api.components import named, ref
from pickyassist_webhooks.api.examples import WEBHOOKS
from pickyassist_webhooks.api.pagination import encode_cursor
from pickyassist_webhooks.choices import EventKind
from pickyassist_webhooks.parsing.decoding import decode
from pickyassist_webhooks.parsing.event_types import EVENT_TYPES
from pickyassist_webhooks.parsing.payloads import parse
from pickyassist_webhooks.parsing.values import FieldReader, InvalidPayload
from tests.openapi import GOLDEN, written
from tests.requests import member, post

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "pickyassist_webhooks"
THIRD_PARTY = {"rest_framework", "django_filters", "drf_spectacular"}
each_shape = pytest.mark.parametrize(
    "shape", EVENT_TYPES, ids=[shape.kind.value for shape in EVENT_TYPES]
)


@pytest.fixture(scope="module")
def document():
    return openapi.document("/api/")


def operations(document):
    for path, methods in [*document["paths"].items(), *document["webhooks"].items()]:
        for method, operation in methods.items():
            yield f"{method} {path}", operation


def check(document, value, schema):
    """Check a value against a schema with references to the document."""
    within = schema | {"components": document["components"]}
    jsonschema.Draft202012Validator(within).validate(value)


def is_valid(document, value, name):
    try:
        check(document, value, ref(name))
    except jsonschema.ValidationError:
        return False
    return True


class TestDocument:
    def test_is_valid_and_generated_without_warnings(self, capsys):
        generated = openapi.generate()
        assert not GENERATOR_STATS
        assert capsys.readouterr() == ("", "")
        assert generated["openapi"].startswith("3.1")
        validate_schema(generated)
        for component in generated["components"]["schemas"].values():
            jsonschema.Draft202012Validator.check_schema(component)

    def test_is_the_one_in_the_docs(self, document):
        accept = f"accept it with: {sys.executable} -m tests.accept_openapi"
        assert GOLDEN.exists(), accept
        assert GOLDEN.read_text("utf-8") == written(document), accept

    def test_names_are_stable(self, document):
        names = [operation["operationId"] for _, operation in operations(document)]
        assert len(names) == len(set(names)) == 25
        tags = {tag for _, operation in operations(document) for tag in operation["tags"]}
        assert tags == {tag["name"] for tag in document["tags"]}
        assert all(name.startswith("pickyassist_") for name in names)
        assert all(tag.startswith("pickyassist-") for tag in tags)
        assert all(name.startswith("PickyAssist") for name in document["components"]["schemas"])

    def test_every_operation_has_texts_and_all_its_responses(self, document):
        for name, operation in operations(document):
            assert operation["summary"], name
            assert operation["description"], name
            for status, answer in operation["responses"].items():
                assert answer["description"], (name, status)
        for path, methods in document["paths"].items():
            for operation in methods.values():
                assert {"200", "401", "403", "404"} <= operation["responses"].keys(), path
        replay = document["paths"]["/requests/{id}/replay/"]["post"]["responses"]
        assert {"400", "409", "410", "415"} <= replay.keys()

    def test_every_example_is_valid(self, document):
        count = 0
        for name, operation in operations(document):
            bodies = [*operation["responses"].values(), operation.get("requestBody", {})]
            for content in [media for body in bodies for media in body.get("content", {}).values()]:
                for example in content.get("examples", {}).values():
                    check(document, example["value"], content["schema"])
                    count += 1
            assert all(
                content["examples"]
                for answer in operation["responses"].values()
                for content in answer["content"].values()
            ), name
        assert count > 100

    def test_a_page_of_the_change_feed_has_its_own_schema(self, document):
        content = document["paths"]["/requests/"]["get"]["responses"]["200"]["content"]
        usual, change_feed = content["application/json"]["schema"]["oneOf"]
        page = examples.change_feed()
        check(document, page, change_feed)
        with pytest.raises(jsonschema.ValidationError):
            check(document, page, usual)

    def test_codes_are_not_enums(self, document):
        for name in ("DeliveryReport", "FilterReport", "Message"):
            status = document["components"]["schemas"][named(name)]["properties"]["status"]
            assert status["type"] == "integer"
            assert "enum" not in status
            assert "1 " in status["description"]

    def test_settings_of_the_project_have_no_effect(self, document, monkeypatch):
        for name, value in {
            "TITLE": "Another",
            "CAMELIZE_NAMES": True,
            "OAS_VERSION": "3.0.3",
            "SCHEMA_PATH_PREFIX_INSERT": "/else",
            "POSTPROCESSING_HOOKS": [],
        }.items():
            monkeypatch.setattr(spectacular_settings, name, value)
        with translation.override("de"):
            generated = openapi.generate()
        assert generated | {"servers": document["servers"]} == document
        assert spectacular_settings.TITLE == "Another"


class Unknown(BaseAuthentication):
    def authenticate_header(self, request):
        return 'Bearer realm="api"'


class Silent(BaseAuthentication):
    pass


class Throttle(UserRateThrottle):
    rate = "9/s"


def test_classes_of_the_project_are_described(monkeypatch):
    view = views.WebhookRequestViewSet
    monkeypatch.setattr(view, "authentication_classes", (Unknown, Silent))
    monkeypatch.setattr(view, "permission_classes", (AllowAny, *view.permission_classes))
    monkeypatch.setattr(view, "throttle_classes", (Throttle,))
    generated = openapi.generate()
    assert not GENERATOR_STATS
    validate_schema(generated)
    listed = generated["paths"]["/requests/"]["get"]
    assert listed["security"] == [{"PickyAssistUnknown": []}]
    schemes = generated["components"]["securitySchemes"]
    assert schemes["PickyAssistUnknown"] == {"type": "http", "scheme": "bearer"}
    assert "429" in listed["responses"]


@pytest.mark.django_db
@pytest.mark.urls("tests.urls_api")
class TestServed:
    @pytest.fixture
    def client(self):
        client = Client()
        client.force_login(get_user_model().objects.create_user("someone"))
        return client

    def test_to_every_logged_in_user(self, client, document):
        url = reverse("pickyassist_webhooks_api:schema")
        assert Client().get(url).status_code in (401, 403)
        answer = client.get(url, headers={"Accept": "application/json"})
        assert answer.status_code == 200
        assert answer.json() == document
        assert client.get(url).content.startswith(b"openapi: 3.1")

    def test_has_the_server_url(self):
        assert openapi.document("/a/b/")["servers"] == [{"url": "/a/b"}]
        assert openapi.document("/")["servers"] == [{"url": "/"}]


@pytest.mark.django_db
@pytest.mark.urls("tests.urls_api")
class TestAsDescribed:
    """Cases in which generated requests once got an undocumented response."""

    @pytest.fixture
    def client(self):
        client = Client()
        client.force_login(get_user_model().objects.create_superuser("root"))
        return client

    @pytest.mark.parametrize(
        "path",
        [
            "delivery-reports/0.5/",
            "requests/no id/",
            "requests/%00/",
            "groups/%00/members/",
            "numbers/1%002/verdict/",
        ],
    )
    def test_an_invalid_id_is_a_404_of_the_api(self, path, client):
        answer = client.get(f"/api/{path}")
        assert answer.status_code == 404
        assert answer.json().keys() == {"detail"}

    @pytest.mark.parametrize("body", [[None], "text", 7])
    def test_a_replay_with_an_invalid_body(self, body, client):
        data = json.dumps(body)
        answer = client.post("/api/requests/1/replay/", data, content_type="application/json")
        assert answer.status_code == 400
        user = get_user_model().objects.create_user("viewer")
        names = ["view_webhookrequest", "retry_webhookrequest"]
        user.user_permissions.set(Permission.objects.filter(codename__in=names))
        client.force_login(user)
        answer = client.post("/api/requests/1/replay/", data, content_type="application/json")
        assert answer.status_code == 400

    @pytest.mark.parametrize(
        "moment",
        [
            "2026-01-01T00:00:00-23:59",
            "0001-01-01T00:00:00+14:00",
            "9999-12-31T23:59:59-14:00",
            "0001-01-01T00:00:00Z",
            "",
        ],
    )
    def test_distant_moments(self, moment, client):
        post(member())
        for name, count in {"received_at_after": 1, "received_at_before": 0}.items():
            answer = client.get("/api/group-events/", {name: moment})
            assert answer.status_code == 200, answer.content
            if moment.startswith("0001"):
                assert len(answer.json()["results"]) == count

    @pytest.mark.parametrize(
        "value",
        ["2026-01-01T00:00:00-23:59", "0001-01-01T00:00:00+00:00", "9999-01-01T00:00:00+00:00"],
    )
    def test_forged_cursors(self, value, client):
        cursor = encode_cursor({"by": "received_at", "value": value, "id": 1, "back": False})
        answer = client.get("/api/group-events/", {"cursor": cursor})
        assert answer.status_code == 400
        assert "cursor" in answer.json()

    def test_moments_without_a_time_zone(self, client, settings):
        settings.USE_TZ = False
        post(member())
        for moment in ("2026-01-01T00:00:00+02:00", "0001-01-01T00:00:00+14:00", "2026-01-01"):
            answer = client.get("/api/group-events/", {"received_at_after": moment})
            assert len(answer.json()["results"]) == 1

    @pytest.mark.parametrize(
        ("value", "status"), [("maybe", 400), ("0", 400), ("True", 200), ("", 200)]
    )
    def test_an_invalid_flag_is_refused(self, value, status, client):
        assert client.get("/api/messages/", {"conflict": value}).status_code == status


class TestWebhooks:
    @each_shape
    def test_the_example_is_valid(self, shape):
        payload = parse(json.dumps(WEBHOOKS[shape.kind]).encode())
        assert payload.kind == shape.kind
        assert payload.events
        assert payload.problems == payload.warnings == []

    @each_shape
    def test_every_field_is_described(self, shape, document):
        name = shape.kind.value.title().replace("_", "")
        row = document["components"]["schemas"][named(f"{name}WebhookRow")]
        assert row["additionalProperties"] is True
        for vendor_name, (column, _) in shape.fields.items():
            assert f"`{column}`" in row["properties"][vendor_name]["description"]

    def test_a_payload_is_valid_if_the_parser_accepts_it(self, document):
        counts = {True: 0, False: 0}
        for path in sorted((ROOT / "tests/payloads/golden").glob("*.json")):
            payload = parse(path.read_bytes())
            if not payload.kind:
                continue
            body = decode(path.read_bytes(), "application/json")
            name = f"{payload.kind.value.title().replace('_', '')}Webhook"
            accepted = not (payload.problems or payload.warnings)
            counts[accepted] += 1
            if accepted:
                check(document, body, ref(name))
        assert counts[True] > 15
        assert counts[False] > 3

    @each_shape
    def test_the_fields_that_identify_an_event(self, shape, document):
        name = f"{shape.kind.value.title().replace('_', '')}WebhookRow"
        whole = {"status": 1, "action": 1}
        for names in shape.known_by:
            complete = whole | dict.fromkeys(names, "7")
            assert self.is_accepted(shape, complete)
            assert is_valid(document, complete, name)
            for missing in names:
                for value in ("", " ", None, [7]):
                    less = complete | {missing: value}
                    assert not self.is_accepted(shape, less), less
                    assert not is_valid(document, less, name), less
        assert not is_valid(document, whole, name)

    def is_accepted(self, shape, row):
        try:
            shape.read(FieldReader(row, "", []))
        except InvalidPayload:
            return False
        return True

    @pytest.mark.parametrize("read", webhooks.TYPES)
    @pytest.mark.parametrize(
        "value",
        [
            "",
            "7",
            " +7 ",
            "7" * 18,
            "x",
            "x" * 255,
            "x" * 256,
            7,
            -(2**63),
            2**63,
            1.5,
            True,
            [],
            {},
        ],
        ids=lambda value: str(value)[:20],
    )
    def test_types_agree_with_the_readers(self, read, value):
        warnings = []
        try:
            read(FieldReader({"name": value}, "", warnings), "name")
        except InvalidPayload:
            warnings.append("refused")
        valid = jsonschema.Draft202012Validator(webhooks.TYPES[read]).is_valid(value)
        assert valid is not bool(warnings)

    def test_every_reader_and_every_kind(self):
        used = {read for shape in EVENT_TYPES for _, read in shape.fields.values()}
        assert used <= webhooks.TYPES.keys()
        assert WEBHOOKS.keys() == set(EventKind)


class TestOptional:
    """Receiving and the admin do not require the packages of the API."""

    def test_only_the_api_imports_its_packages(self):
        imported = {}
        for path in PACKAGE.rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.ImportFrom):
                    names = [node.module or ""] if not node.level else []
                elif isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                else:
                    continue
                roots = {name.partition(".")[0] for name in names}
                if roots & THIRD_PARTY:
                    imported.setdefault(path.relative_to(PACKAGE).parts[0], set()).update(roots)
        assert imported.keys() == {"api"}
        assert imported["api"] >= THIRD_PARTY

    def test_a_project_without_them_receives(self):
        done = subprocess.run(
            [sys.executable, "-c", WITHOUT], capture_output=True, text=True, cwd=ROOT, check=False
        )
        assert done.stdout == "200 1\n", done.stderr

    @pytest.mark.parametrize("module", ["rest_framework.routers", "drf_spectacular.views"])
    def test_the_message_names_a_missing_package(self, module, monkeypatch):
        monkeypatch.setitem(sys.modules, module, None)  # importing it fails
        monkeypatch.delitem(sys.modules, "pickyassist_webhooks.api.document")
        install = r'pip install "django-pickyassist-webhooks\[api\]"'
        with pytest.raises(ImproperlyConfigured, match=install):
            self.load_urls()

    def test_a_missing_module_of_this_app_is_a_plain_error(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "pickyassist_webhooks.api.document", None)
        with pytest.raises(ModuleNotFoundError, match=r"api\.document"):
            self.load_urls()

    def load_urls(self):
        """Load a second copy of the URLs."""
        path = PACKAGE / "api" / "urls.py"
        spec = importlib.util.spec_from_file_location("pickyassist_webhooks.api.again", path)
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


WITHOUT = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("rest_framework", "django_filters", "drf_spectacular"):
            raise ModuleNotFoundError(f"{name} is not installed here", name=name)

sys.meta_path.insert(0, Blocked())

import django
from django.conf import settings

secret = "a-secret-of-more-than-22-characters"
settings.configure(
    SECRET_KEY="only-for-this-test",
    ALLOWED_HOSTS=["testserver"],
    ROOT_URLCONF="tests.urls",
    INSTALLED_APPS=[
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
        "pickyassist_webhooks",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ]
            },
        }
    ],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    USE_TZ=True,
    PICKYASSIST_WEBHOOKS={"SECRETS": [secret]},
)
django.setup()

from io import StringIO

from django.core.management import call_command
from django.test import Client

from pickyassist_webhooks.models import GroupMemberEvent

call_command("check", stdout=StringIO())
call_command("migrate", verbosity=0)
sample = {"event_id": 3, "project_id": "1", "action": 1, "group_id": "A", "number": "15550001111"}
answer = Client().post(f"/pickyassist/events/{secret}/", sample, content_type="application/json")
print(answer.status_code, GroupMemberEvent.objects.count())
"""


@pytest.mark.django_db
@pytest.mark.urls("example_project.urls")
class TestPageOfTheExample:
    @pytest.fixture(autouse=True)
    def installed(self, settings, monkeypatch):
        for name in ("SWAGGER_UI_DIST", "SWAGGER_UI_FAVICON_HREF"):
            monkeypatch.setattr(spectacular_settings, name, "SIDECAR")
        apps = ["drf_spectacular", "drf_spectacular_sidecar"]
        settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, *apps]
        # Not the example app: its receivers would get the events of other tests.
        [templates] = settings.TEMPLATES
        settings.TEMPLATES = [templates | {"DIRS": [ROOT / "example_project/templates"]}]

    def test_has_no_inline_code_and_no_external_files(self):
        client = Client()
        assert client.get("/api/docs/").status_code in (401, 403)
        client.force_login(get_user_model().objects.create_user("someone"))
        page = client.get("/api/docs/")
        text = page.content.decode()
        assert "'unsafe" not in page.headers["Content-Security-Policy"]
        assert "<style" not in text
        assert "style=" not in text
        assert "://" not in text
        assert text.count("<script src=") == text.count("<script") == 3
        links = re.findall(r'(?:src|href)="/static/([^"]+)"', text)
        assert len(links) == 4
        assert all(finders.find(link) for link in links)
        script = client.get("/api/docs/?script=")
        assert script.headers["Content-Type"].startswith("application/javascript")
        assert "/api/schema/" in script.content.decode()
